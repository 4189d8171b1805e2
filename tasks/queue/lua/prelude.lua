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

local function wake(queue)
  local list = K.wake .. queue
  if redis.call('LLEN', list) < K.wake_cap then redis.call('RPUSH', list, 1) end
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
-- value: what ARQ's result carries, [code, message] where the job did not succeed.
local function close(id, job, attempt, state, value, keep, fields)
  local expires = now + keep[state]
  local record = K.job .. id
  redis.call('HSET', record, 'state', state, 'finished_at', now, 'expires_at', expires, unpack(fields))
  redis.call('PEXPIRE', record, keep[state] + keep.tombstone)
  set_state(id, job.owner, job.created_at, job.state, state)
  redis.call('ZREM', K.arq_queue[job.queue], id)
  redis.call('DEL', K.arq_job .. id, K.arq_running .. id, K.arq_retry .. id)
  redis.call('ZREM', K.arq_abort, id)
  redis.call('SET', K.arq_result .. id, cmsgpack.pack({
    t = attempt, f = job.kind, a = {}, k = {}, et = tonumber(job.created_at), s = state == 'succeeded', r = value,
    st = tonumber(job.started_at or now), ft = now, q = K.arq_queue[job.queue], id = id,
  }), 'PX', K.arq_result_ms)
  redis.call('PUBLISH', K.changes .. id, state)
end
