-- needs: states
-- What is counted, for `/v1/queues` and `/metrics`, is added up here and written once, after the transition: a worker's batch of many jobs
-- raises a few fields, not a few for each.
-- counts: what → kind → which → by how much more. moves: queue → state → by how many jobs more. ended_jobs: queue → state → jobs that ended.
-- Tables in tables, since a joined name for each job would cost more than all the rest.
local counts, moves, ended_jobs, labels = {}, {}, {}, {}

local function add(tree, what, kind, which, by)
  local of = tree[what]
  if not of then
    of = {}
    tree[what] = of
  end
  local leaf = of[kind]
  if not leaf then
    leaf = {}
    of[kind] = leaf
  end
  leaf[which] = (leaf[which] or 0) + by
end

-- which: what tells the counts of a kind apart, or ''.
local function count(what, kind, which, by)
  add(counts, what, kind, which, by or 1)
end

-- A stranger's kind may be anything; a field's words have spaces between.
local function label(kind)
  local known = labels[kind]
  if not known then
    known = #kind <= 40 and string.match(kind, '^[%w_.-]+$') or 'other'
    labels[kind] = known
  end
  return known
end

-- A time in milliseconds, in the first bucket that holds it.
local function observe(what, kind, ms)
  local bucket = 1
  while K.buckets[bucket] and ms > K.buckets[bucket] do bucket = bucket + 1 end
  count(what, kind, bucket)
  count(what .. '_ms', kind, '', ms)
end

-- How many of a queue's jobs are in each state. A batch is in no queue.
local function move(job, state, by)
  if not state or not job.queue or job.kind == 'batch' then return end
  local of = moves[job.queue] or {}
  of[state] = (of[state] or 0) + by
  moves[job.queue] = of
end

local function write_counts()
  for what, kinds in pairs(counts) do
    for kind, leaf in pairs(kinds) do
      for which, by in pairs(leaf) do
        redis.call('HINCRBY', K.counts, what .. ' ' .. kind .. (which == '' and '' or ' ' .. which), by)
      end
    end
  end
  for queue, of in pairs(moves) do
    for state, by in pairs(of) do
      if LIVE[state] and by ~= 0 then redis.call('HINCRBY', K.queue .. queue, 'in:' .. state, by) end
    end
  end
  local slot = next(ended_jobs) and K.ends .. string.format('%.0f', math.floor(now / K.ends_slot_ms))
  for queue, of in pairs(ended_jobs) do
    for state, by in pairs(of) do
      if redis.call('HINCRBY', slot, queue .. ' ' .. state, by) == by then redis.call('PEXPIRE', slot, K.ends_ms) end
    end
  end
end
