-- needs: lane_ids lanes records
-- Lanes of endpoints with `ordered`: deliveries start one at a time, in the order of their events. One that waits for
-- its next try holds back the later ones until it has ended. An event is before another if it was due earlier; since
-- several become deliveries at the same time, a delivery also waits until every earlier event has. While a lane waits
-- so, it is parked, and its hash notes until when (`held`).

local RETRYING_EXAMINED, EVENTS_EXAMINED = 100, 10
local FAN_OUT_PAUSE_MS, LONGEST_FAN_OUT_PAUSE_MS = 5, 1000
local FAN_OUT_STATES = { 'queued', 'running', 'retrying' }

local function is_ordered(queue, lane)
  return redis.call('HGET', K.lane .. queue .. ':' .. lane, 'ordered')
end

-- The place of a delivery in its lane: the time of its event, whose score is gone some time after its end.
local function score_of_event(score, due_at)
  local micros = due_at and tonumber(due_at) * 1000 or now * 1000 + clock[2] % 1000
  return backlog_score('normal', score and tonumber(score) % RANK or micros)
end

-- Until when a delivery of the lane with an earlier event waits for its next try; nil: none does.
local function earlier_try(lane, score)
  local _, endpoint = parse_lane(lane)
  local index, first, due = K.jobs .. 'endpoint/' .. endpoint .. ':retrying', score, nil
  for _, id in ipairs(redis.call('ZRANGE', index, 0, RETRYING_EXAMINED - 1)) do
    local job = fields_of(K.job .. id, { 'state', 'lane', 'score', 'due_at' })
    if job.state == 'retrying' and job.lane == lane and tonumber(job.score) < first then
      first, due = tonumber(job.score), tonumber(job.due_at)
    end
  end
  return due
end

-- The time (ms) of an earlier event of the owner, or one of the same millisecond, that has not become deliveries yet;
-- nil: there is none.
local function earlier_event(event, owner, score)
  local time = math.floor(score % RANK / 1000)
  for _, state in ipairs(FAN_OUT_STATES) do
    local index = K.jobs .. owner .. '/event:' .. state
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', time, 'LIMIT', 0, EVENTS_EXAMINED)) do
      local its_state, its_score = unpack(redis.call('HMGET', K.job .. id, 'state', 'score'))
      local its_time = math.floor(tonumber(its_score or 0) % RANK / 1000)
      if its_state == state and id ~= event and its_time <= time then return its_time end
    end
  end
end

local function hold(queue, lane, until_ms)
  redis.call('ZADD', K.parked .. queue, until_ms, lane)
  redis.call('HSET', K.lane .. queue .. ':' .. lane, 'held', until_ms)
end

-- Whether the first delivery of an ordered lane may start; if not, the lane is parked until it may.
local function may_start_in_order(queue, lane)
  local id, score = unpack(redis.call('ZRANGE', K.backlog .. queue .. ':' .. lane, 0, 0, 'WITHSCORES'))
  if not id then return true end
  score = tonumber(score)
  local due = earlier_try(lane, score)
  if due then
    hold(queue, lane, math.max(due, now + FAN_OUT_PAUSE_MS))
    return false
  end
  local event, owner = unpack(redis.call('HMGET', K.job .. id, 'event', 'owner'))
  local since = event and owner and earlier_event(event, owner, score)
  if since then
    hold(queue, lane, now + math.max(math.min(now - since, LONGEST_FAN_OUT_PAUSE_MS), FAN_OUT_PAUSE_MS))
    return false
  end
  return true
end
