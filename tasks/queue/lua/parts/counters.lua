-- Counts for `/v1/queues`, `/metrics` and `/v1/usage`. They are added up here and written once, after the script: a
-- worker's batch of many jobs raises a few fields, not a few for each job.

local LIVE = { scheduled = true, queued = true, running = true, retrying = true }

-- counts: what → kind → which → how much more. moves: queue → state → how many jobs more.
-- ended_jobs: queue → state → jobs that ended. Nested tables, since joined names would cost more than all the rest.
-- ended_ids: those jobs, whose records are to be packed later.
-- usages: owner → field of its usage of this day → how much more.
local counts, moves, ended_jobs, ended_ids, labels, foreign_labels, usages = {}, {}, {}, {}, {}, {}, {}

-- which: what tells the counts of one kind apart, or ''.
local function count(what, kind, which, by)
  local kinds = counts[what]
  if not kinds then
    kinds = {}
    counts[what] = kinds
  end
  local numbers = kinds[kind]
  if not numbers then
    numbers = {}
    kinds[kind] = numbers
  end
  numbers[which] = (numbers[which] or 0) + (by or 1)
end

-- A field's words have spaces between.
local function label(text)
  local known = labels[text]
  if not known then
    known = #text <= 40 and string.match(text, '^[%w_.-]+$') or 'other'
    labels[text] = known
  end
  return known
end

-- The kind of a foreign job may be any text: all but functions that workers have announced (run/beat.lua) are counted
-- as one. That of a function that is called as a kind of Pressroom has `function:` before it.
local function label_of(kind, job_indexes)
  if not string.find(job_indexes, '*/_foreign', 1, true) then return label(kind) end
  if not foreign_labels[kind] then
    local name = string.match(kind, '^function:(.*)$') or kind
    foreign_labels[kind] = redis.call('SISMEMBER', K.function_kinds, name) == 1 and kind or 'other'
  end
  return foreign_labels[kind]
end

-- Counts a time in milliseconds in the first bucket that holds it.
local function observe(what, kind, ms)
  local bucket = 1
  while K.buckets[bucket] and ms > K.buckets[bucket] do bucket = bucket + 1 end
  count(what, kind, bucket)
  count(what .. '_ms', kind, '', ms)
end

local function add_to_queue(numbers, job, state, by)
  local states = numbers[job.queue]
  if not states then
    states = {}
    numbers[job.queue] = states
  end
  states[state] = (states[state] or 0) + by
end

-- How many of a queue's jobs are in each state. A batch is in no queue.
local function move(job, from, to)
  if job.kind == 'batch' then return end
  if from then add_to_queue(moves, job, from, -1) end
  add_to_queue(moves, job, to, 1)
end

local function add_usage(owner, field, by)
  local numbers = usages[owner]
  if not numbers then
    numbers = {}
    usages[owner] = numbers
  end
  numbers[field] = (numbers[field] or 0) + by
end

local function count_end(job, kind, state)
  ended_ids[#ended_ids + 1] = job.id
  if job.kind == 'batch' then return end
  add_to_queue(ended_jobs, job, state, 1)
  add_usage(job.owner, kind .. ' ' .. state, 1)
end

-- Bytes that are in the storage are counted on through the days; each day keeps how many they were last.
local function write_usage(owner, numbers)
  local key, stored = K.usage .. owner .. ':' .. math.floor(now / K.day_ms), numbers.stored
  for field, by in pairs(numbers) do
    if field ~= 'stored' and redis.call('HINCRBY', key, field, by) == by then
      redis.call('PEXPIRE', key, K.usage_ms)
    end
  end
  if stored and stored ~= 0 then
    local total = math.max(redis.call('HINCRBY', K.stored, owner, stored), 0)
    if redis.call('HSET', key, 'stored', total) == 1 then redis.call('PEXPIRE', key, K.usage_ms) end
  end
end

local function write_counts()
  for what, kinds in pairs(counts) do
    for kind, numbers in pairs(kinds) do
      for which, by in pairs(numbers) do
        redis.call('HINCRBY', K.counts, what .. ' ' .. kind .. (which == '' and '' or ' ' .. which), by)
      end
    end
  end
  for queue, states in pairs(moves) do
    for state, by in pairs(states) do
      if LIVE[state] and by ~= 0 then redis.call('HINCRBY', K.queue .. queue, 'in:' .. state, by) end
    end
  end
  for owner, numbers in pairs(usages) do write_usage(owner, numbers) end
  if #ended_ids > 0 and redis.call('LLEN', K.unpacked) < K.unpacked_cap then
    redis.call('RPUSH', K.unpacked, unpack(ended_ids))
  end
  local slot = next(ended_jobs) and K.ends .. string.format('%.0f', math.floor(now / K.ends_slot_ms))
  for queue, states in pairs(ended_jobs) do
    for state, by in pairs(states) do
      if redis.call('HINCRBY', slot, queue .. ' ' .. state, by) == by then redis.call('PEXPIRE', slot, K.ends_ms) end
    end
  end
end
