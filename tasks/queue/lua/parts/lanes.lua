-- The line: lanes that take turns, and the places of jobs in them.

-- A lane's line is ordered by rank, then by time in microseconds; both fit the 53 bits of a score.
local RANK = 2251799813685248
local RANKS = { high = 0, normal = 1, low = 2 }

local function line_score(priority, micros)
  return RANKS[priority] * RANK + micros
end

local function wake(queue)
  local list = K.wake .. queue
  if redis.call('LLEN', list) < K.wake_cap then redis.call('RPUSH', list, 1) end
end

-- A lane joins the round just before the lane that was served last: after those that have waited since, before those that had their turn.
local function join_round(queue, lane)
  if redis.call('ZSCORE', K.parked .. queue, lane) then return end
  local turn = tonumber(redis.call('HGET', K.queue .. queue, 'turn') or 0)
  if redis.call('ZADD', K.turns .. queue, 'NX', turn - 0.5, lane) == 1 then redis.call('ZREM', K.full .. queue, lane) end
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
  if redis.call('EXISTS', line) == 0 then
    redis.call('ZREM', K.turns .. queue, lane)
    redis.call('ZREM', K.full .. queue, lane)
  end
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

-- Jobs of this lane that ended or went back make room: a full lane may join the round again, and so may as many of its owner's others
-- that had to stand back because the owner had enough under way.
local function leave_running(queue, lane, jobs, owner)
  local key = K.lane .. queue .. ':' .. lane
  local left = redis.call('HINCRBY', key, 'running', -jobs)
  if left <= 0 then redis.call('HDEL', key, 'running') end
  local others = redis.call('SPOP', K.standing_back .. queue .. ':' .. owner, jobs)
  others[#others + 1] = lane
  for _, other in ipairs(others) do
    if redis.call('EXISTS', K.line .. queue .. ':' .. other) == 1 then
      join_round(queue, other)
      wake(queue)
    end
  end
end
