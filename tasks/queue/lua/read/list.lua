-- A page of a listing: indexes are walked together, newest first, and only so many records are examined.
-- payload: choices {{name, …}, …} (each of them has all that is asked for, and no job in two of its indexes), schedule
-- (whose runs are asked for, instead of what indexes have) or nil, newest (ms) or nil, oldest (ms), after {created_at
-- (ms), id} or nil, limit (ids), max_examined (records), and where it matters: prefix (of an id or a name), owner,
-- state, queue, kind, code (of the error), worker (that has a job, or had it last), endpoint and batch (a job is one of
-- theirs), tags {…} (a job has them all), with_causes.
-- Answers ids {…}, unsure {id → true} (those of them whose worker, or code, is to be looked up: they are packed), after
-- {created_at, id} (nil at the end), examined (records), and with_causes for each id causes {{kind, code ('' if
-- unknown), created_at}, …}.
local BATCH = 100
local after, prefix = payload.after, payload.prefix and string.lower(payload.prefix)

-- The choice that has the fewest jobs.
local function choose()
  local fewest, chosen = nil, payload.choices[1]
  for n = 1, #payload.choices > 1 and #payload.choices or 0 do
    local jobs = 0
    for _, name in ipairs(payload.choices[n]) do
      jobs = jobs + redis.call('ZCOUNT', K.jobs .. name, payload.oldest, payload.newest or '+inf')
    end
    if not fewest or jobs < fewest then fewest, chosen = jobs, payload.choices[n] end
  end
  return chosen
end
local indexes = payload.schedule and {} or choose()
-- Of many indexes most have none of the newest: each is asked for a few at first, then for twice as many.
local FIRST = math.max(math.floor(1000 / math.max(#indexes, 1)), 4)

-- Ids are hex: Lua orders them as Redis does.
local function is_before_cursor(id, created_at)
  return after and created_at == after.created_at and id >= after.id
end

-- Before the next job of a walk, or at its end.
local function step(walk)
  walk.id = nil
  while not walk.id do
    local id, created_at = walk.batch[walk.at], tonumber(walk.batch[walk.at + 1])
    walk.at = walk.at + 2
    if id then
      -- The empty id lets the index of a deleted endpoint expire (endpoint.lua).
      if id ~= '' and not is_before_cursor(id, created_at) then walk.id, walk.created_at = id, created_at end
    elseif walk.last then
      return
    else
      local newest = after and after.created_at or payload.newest or '+inf'
      walk.batch = redis.call('ZREVRANGEBYSCORE', walk.index, newest, payload.oldest, 'WITHSCORES',
        'LIMIT', walk.offset, walk.size)
      walk.offset, walk.at, walk.last = walk.offset + walk.size, 1, #walk.batch < 2 * walk.size
      walk.size = math.min(2 * walk.size, BATCH)
    end
  end
end

-- The walks that have not ended, as a binary heap: the first is the one whose next job is the newest of all.
local walks, gone = {}, {}
local function is_newer(one, other)
  return one.created_at > other.created_at or one.created_at == other.created_at and one.id > other.id
end

local function sink(at)
  local walk = walks[at]
  while walks[2 * at] do
    local child = 2 * at
    if walks[child + 1] and is_newer(walks[child + 1], walks[child]) then child = child + 1 end
    if not is_newer(walks[child], walk) then break end
    walks[at], at = walks[child], child
  end
  walks[at] = walk
end

-- The runs of a schedule: few, in an index by the times at which they were due, with what did not run.
local function walk_of_runs()
  local walk, runs = { index = K.runs .. payload.schedule, at = 1, batch = {}, last = true }, {}
  local newest = after and after.created_at or payload.newest or math.huge
  for _, id in ipairs(redis.call('ZRANGE', walk.index, 0, -1)) do
    local created_at = string.sub(id, 1, 8) ~= 'skipped:' and tonumber(redis.call('HGET', K.job .. id, 'created_at'))
    if created_at and created_at >= payload.oldest and created_at <= newest then
      runs[#runs + 1] = { id = id, created_at = created_at }
    end
  end
  table.sort(runs, is_newer)
  for n, run in ipairs(runs) do walk.batch[2 * n - 1], walk.batch[2 * n] = run.id, run.created_at end
  return walk
end

local function start_walks()
  if payload.schedule then
    walks[1] = walk_of_runs()
    step(walks[1])
    if not walks[1].id then walks[1] = nil end
  end
  for _, name in ipairs(indexes) do
    local walk = { index = K.jobs .. name, offset = 0, at = 1, batch = {}, size = math.min(FIRST, BATCH) }
    step(walk)
    if walk.id then walks[#walks + 1] = walk end
  end
  for at = math.floor(#walks / 2), 1, -1 do sink(at) end
end

local function step_newest()
  step(walks[1])
  if not walks[1].id then
    walks[1] = walks[#walks]
    walks[#walks] = nil
  end
  if walks[1] then sink(1) end
end

local function begins(text)
  return string.lower(string.sub(text, 1, #prefix)) == prefix
end

local function is_in(name, id)
  return redis.call('ZSCORE', K.jobs .. name, id)
end

local function has_tags(id, owner, state)
  for _, tag in ipairs(payload.tags) do
    if not is_in('tag/' .. owner .. '/' .. tag .. ':' .. state, id) then return false end
  end
  return true
end

-- Whether this is the error of a job that failed, was cancelled, or waits for its next try. Another may have had it.
local UNSUCCESSFUL = { failed = true, cancelled = true, retrying = true }
local unsure = {}
local function code_of(id)
  local code, first, error = unpack(redis.call('HMGET', K.job .. id, 'code', '0', 'error'))
  if not code and first then unsure[id] = true end
  return code or error and cjson.decode(error).code
end

local function has_code(id, state)
  return UNSUCCESSFUL[state] and (code_of(id) == payload.code or unsure[id])
end

local function has_worker(id)
  local worker, first = unpack(redis.call('HMGET', K.job .. id, 'worker', '0'))
  if not worker and first then unsure[id] = true end
  return worker == payload.worker or unsure[id]
end

-- The index of an endpoint, a batch or a schedule has the jobs of one owner. Another's is as good as empty: not even a
-- cursor says when its jobs were made.
local is_others = false

local function is_wanted(id, index)
  local state, expires_at, queue, name, kind, owner =
    unpack(redis.call('HMGET', K.job .. id, 'state', 'expires_at', 'queue', 'name', 'kind', 'owner'))
  -- Removed only after the walk, which counts places.
  if not state then gone[#gone + 1] = { index = index, id = id } end
  is_others = is_others or state and payload.owner and owner ~= payload.owner
  return state and not is_others and (not expires_at or tonumber(expires_at) > now)
    and (not payload.state or state == payload.state) and (not payload.queue or queue == payload.queue)
    and (not payload.kind or kind == payload.kind) and (not prefix or begins(id) or begins(name or ''))
    and (not payload.endpoint or is_in('endpoint/' .. payload.endpoint .. ':' .. state, id))
    and (not payload.batch or is_in('batch/' .. payload.batch, id))
    and (not payload.tags or has_tags(id, owner, state)) and (not payload.code or has_code(id, state))
    and (not payload.worker or has_worker(id))
end

-- A whole id is found wherever it stands.
local function is_listed(id)
  for _, name in ipairs(indexes) do
    local created_at = tonumber(redis.call('ZSCORE', K.jobs .. name, id))
    if created_at then
      return created_at >= payload.oldest and created_at <= (payload.newest or created_at) and is_wanted(id, name)
    end
  end
end
if prefix and #prefix == 32 and is_listed(prefix) then
  return cmsgpack.pack({ ids = { prefix }, unsure = unsure, examined = 1 })
end

local ids, causes, examined, last = {}, {}, 0, nil
start_walks()
while walks[1] and not is_others and #ids < payload.limit and examined < payload.max_examined do
  local walk = walks[1]
  examined, last = examined + 1, { created_at = walk.created_at, id = walk.id }
  if is_wanted(walk.id, walk.index) then
    ids[#ids + 1] = walk.id
    if payload.with_causes then
      local kind, code = unpack(redis.call('HMGET', K.job .. walk.id, 'kind', 'code'))
      causes[#ids] = { kind, code or code_of(walk.id) or '', walk.created_at }
    end
  end
  step_newest()
end
for _, entry in ipairs(gone) do redis.call('ZREM', entry.index, entry.id) end
if is_others then return cmsgpack.pack({ ids = {}, causes = {}, unsure = {}, examined = 0 }) end
return cmsgpack.pack({ ids = ids, causes = causes, unsure = unsure, after = walks[1] and last, examined = examined })
