-- Before every transition: the key prefixes, the payload, the clock, and the steps that several transitions share.
-- Words and states: tasks/queue/record.py. Keys: tasks/queue/redis_keys.py.
local K = cmsgpack.unpack(ARGV[1])
local payload = cmsgpack.unpack(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- A lane's line is ordered by rank, then by time in microseconds; both fit the 53 bits of a score (rank ≤ 3).
local RANK = 2251799813685248
local RANKS = { high = 0, normal = 1, low = 2 }

local function line_score(priority, micros)
  return RANKS[priority] * RANK + micros
end

local function set_state(id, owner, created, from, to)
  local jobs = K.jobs .. owner .. ':'
  if from then redis.call('ZREM', jobs .. from, id) end
  redis.call('ZADD', jobs .. to, created, id)
end

local function need_blobs(id, blobs)
  for _, blob in ipairs(blobs) do
    redis.call('SADD', K.blob .. blob, id)
    redis.call('PEXPIRE', K.blob .. blob, K.blob_ms)
  end
end

local function wake(queue)
  local list = K.wake .. queue
  if redis.call('LLEN', list) < K.wake_cap then redis.call('RPUSH', list, 1) end
end

-- Ended jobs expire in about the order of their index: it loses up to two dead ids for each that it gains.
local function forget_oldest(index, gained)
  for _, id in ipairs(redis.call('ZRANGE', index, 0, 2 * gained - 1)) do
    if redis.call('EXISTS', K.job .. id) == 1 then return end
    redis.call('ZREM', index, id)
  end
end

-- A lane joins the round just before the lane that was served last: after those that have waited since, before those that had their turn.
local function join_round(queue, lane)
  if redis.call('ZSCORE', K.parked .. queue, lane) then return end
  local turn = tonumber(redis.call('HGET', K.queue .. queue, 'turn') or 0)
  redis.call('ZADD', K.turns .. queue, 'NX', turn - 0.5, lane)
end

local function enter_lane(id, queue, lane, score)
  redis.call('ZADD', K.line .. queue .. ':' .. lane, score, id)
  redis.call('ZADD', K.arq_queue[queue], now + K.safety_ms, id)
  join_round(queue, lane)
  wake(queue)
end

-- A job leaves its lane, or the suspects, without being claimed.
local function leave_lane(id, queue, lane)
  local line = K.line .. queue .. ':' .. lane
  redis.call('ZREM', line, id)
  redis.call('ZREM', K.suspects .. queue, id)
  if redis.call('EXISTS', line) == 0 then redis.call('ZREM', K.turns .. queue, lane) end
end

-- A job under which workers died twice waits apart: it runs alone, so that nobody else is blamed if a third one dies.
local POISON_LAPSES = 3
local function wait_again(id, queue, lane, score, lapses)
  if lapses >= POISON_LAPSES - 1 then
    redis.call('ZADD', K.suspects .. queue, now, id)
    redis.call('ZADD', K.arq_queue[queue], now + K.safety_ms, id)
    wake(queue)
  else
    enter_lane(id, queue, lane, score)
  end
end

-- The story of an attempt whose worker can no longer tell it.
local function lapsed_attempt(number, worker, started_at)
  return cjson.encode({ number = number, worker = worker, outcome = 'lapsed', started_at = tonumber(started_at), ended_at = now })
end

-- Jobs of this lane that ended or went back make room: a full lane may join the round again.
local function leave_running(queue, lane, count)
  local key = K.lane .. queue .. ':' .. lane
  local left = redis.call('HINCRBY', key, 'running', -count)
  if left <= 0 then redis.call('HDEL', key, 'running') end
  if redis.call('EXISTS', K.line .. queue .. ':' .. lane) == 1 then
    join_round(queue, lane)
    wake(queue)
  end
end

-- The end of a job, however it came: record, indexes, ARQ's keys and those who wait, together.
-- job: state, owner, queue, created_at, kind, started_at (as read); fields: name, value, … for the record.
-- value: what ARQ's result carries, as msgpack (Lua's own would lose nulls and empty objects), or [code, message] if it did not succeed.
local function close(id, job, attempt, state, value, keep, fields)
  local expires = now + keep[state]
  local record = K.job .. id
  redis.call('HSET', record, 'state', state, 'finished_at', now, 'expires_at', expires, unpack(fields))
  redis.call('PEXPIRE', record, keep[state] + keep.tombstone)
  set_state(id, job.owner, job.created_at, job.state, state)
  redis.call('ZREM', K.arq_queue[job.queue], id)
  redis.call('DEL', K.arq_job .. id, K.arq_running .. id, K.arq_retry .. id)
  redis.call('ZREM', K.arq_abort, id)
  -- A map of eleven entries; the last is an empty map, which Lua cannot tell from an empty list.
  local result = '\139' .. cmsgpack.pack('t', attempt, 'f', job.kind, 'a', {}, 'et', tonumber(job.created_at), 's', state == 'succeeded',
    'st', tonumber(job.started_at or now), 'ft', now, 'q', K.arq_queue[job.queue], 'id', id)
    .. cmsgpack.pack('r') .. (type(value) == 'string' and value or cmsgpack.pack(value)) .. cmsgpack.pack('k') .. '\128'
  redis.call('SET', K.arq_result .. id, result, 'PX', K.arq_result_ms)
  redis.call('PUBLISH', K.changes .. id, state)
end

-- fields: of the attempt that was the last.
local function close_poison(id, job, attempt, keep, fields)
  local message = 'Workers died under this job three times, the last time while it ran alone; it will not be run again.'
  fields[#fields + 1] = 'error'
  fields[#fields + 1] = cjson.encode({ code = 'poison', message = message })
  close(id, job, attempt, 'failed', { 'poison', message }, keep, fields)
end
