-- needs: lane_ids timing/deadlines
-- Lanes take turns in a queue. A lane's backlog has the jobs that wait in it.

-- A backlog is ordered by rank, then by time in microseconds; both fit the 53 bits of a score.
local RANK = 2251799813685248
local RANKS = { high = 0, normal = 1, low = 2 }

local function backlog_score(priority, micros)
  return RANKS[priority] * RANK + micros
end

-- When a job that waits is looked at, in case its lane has lost it. Jobs that were submitted together, or looked at
-- together, are not due together again: a wave of timers would hold up others. Each call gives another time of the
-- hour: steps of 0.618 of it spread evenly, however many there are.
local safety_step = clock[2] % 1000
local function safety_at()
  safety_step = (safety_step + 618) % 1000
  return now + K.safety_ms + safety_step * K.safety_ms / 1000
end

local function wake(queue)
  local list = K.wake .. queue
  if redis.call('LLEN', list) < K.wake_cap then redis.call('RPUSH', list, 1) end
end

-- A lane joins the round just before the lane that was served last: after those that have waited since, before those
-- that had their turn. Returns whether it is in the round now: one that is parked is not.
local function join_round(queue, lane)
  if redis.call('ZSCORE', K.parked .. queue, lane) then return false end
  local turn = tonumber(redis.call('HGET', K.queue .. queue, 'turn') or 0)
  if redis.call('ZADD', K.turns .. queue, 'NX', turn - 0.5, lane) == 1 then
    redis.call('ZREM', K.full .. queue, lane)
  end
  -- Those of the service's own work take turns among themselves too, for the time of a pause.
  if is_service(lane) then redis.call('ZADD', K.service_turns .. queue, 'NX', turn - 0.5, lane) end
  return true
end

-- Returns whether the lane was in the round.
local function leave_round(queue, lane)
  if is_service(lane) then redis.call('ZREM', K.service_turns .. queue, lane) end
  return redis.call('ZREM', K.turns .. queue, lane) == 1
end

local function enter_lane(id, queue, lane, score)
  redis.call('ZADD', K.backlog .. queue .. ':' .. lane, score, id)
  redis.call('ZADD', K.arq_queue[queue], safety_at(), id)
  join_round(queue, lane)
  wake(queue)
end

local function let_in(queue, lane)
  local joined = redis.call('EXISTS', K.backlog .. queue .. ':' .. lane) == 1 and join_round(queue, lane)
  if joined then wake(queue) end
  return joined
end

-- Lets in some of the lanes that wait for others of their owner. One that cannot be served for another reason makes way
-- for the next: it comes back when that reason is gone.
local function let_in_some(pop, waiting, queue, lanes)
  while lanes > 0 do
    local lane = redis.call(pop, waiting)
    if type(lane) == 'table' then lane = lane[1] end
    if not lane then return end
    if let_in(queue, lane) then lanes = lanes - 1 end
  end
end

local function let_in_unanswered(queue, owner, jobs)
  let_in_some('ZPOPMIN', K.unanswered_lanes .. owner, queue, jobs)
end

-- A lane that may have been let in for an end of its owner's is not served after all: another that waits has its turn.
-- One too many does no harm, for each is looked at again by the claim. answered: the receiver answered the last time.
local function make_way(queue, owner, answered)
  if not answered then let_in_unanswered(queue, owner, 1) end
  let_in_some('SPOP', K.owner_capped .. queue .. ':' .. owner, queue, 1)
end

-- A lane that waited for a job which has gone, or is due now, is looked at again.
local function release_held(queue, lane)
  local held, until_ms = redis.call('HGET', K.lane .. queue .. ':' .. lane, 'held'), nil
  if held then until_ms = redis.call('ZSCORE', K.parked .. queue, lane) end
  if until_ms and tonumber(until_ms) == tonumber(held) then
    redis.call('ZREM', K.parked .. queue, lane)
    let_in(queue, lane)
  end
end

-- The owner of the deliveries in a lane, and whether its receiver answered the last time; nothing for an owner's lane,
-- and for that of an endpoint that is gone.
local function receiver_of(lane)
  local kind, subject = parse_lane(lane)
  if kind == 'host' then return subject end
  if kind == 'owner' or kind == 'service' then return end
  return unpack(redis.call('HMGET', K.endpoint .. (subject or ''), 'owner', 'answered'))
end

-- A job leaves its lane, or the suspects, without being claimed.
local function leave_lane(job)
  local backlog = K.backlog .. job.queue .. ':' .. job.lane
  redis.call('ZREM', backlog, job.id)
  redis.call('ZREM', K.suspects .. job.queue, job.id)
  if redis.call('EXISTS', backlog) == 0 then
    local was_in = leave_round(job.queue, job.lane)
    redis.call('ZREM', K.full .. job.queue, job.lane)
    if job.event then
      redis.call('ZREM', K.unanswered_lanes .. job.owner, job.lane)
      if was_in then make_way(job.queue, job.owner) end
    end
  end
  if job.event then release_held(job.queue, job.lane) end
end

-- When (ms) workers died under a job, as far back as it counts. An earlier version wrote their number alone.
local function recent_lapses(job)
  local told, times = redis.call('HGET', K.job .. job.id, 'lapsed_at'), {}
  for time in string.gmatch(told or '', '%d+') do
    if now - tonumber(time) < K.lapse_window_ms then times[#times + 1] = time end
  end
  for _ = 1, told and 0 or job.lapses do times[#times + 1] = string.format('%.0f', now) end
  return times
end

-- A job under which workers died twice waits apart: it runs without its queue's other jobs, so that none of them is
-- blamed if a third one dies. The suspects under which most workers died come first.
local SUSPECT_LAPSES = 2
local function requeue(job)
  local lapses = job.lapses >= SUSPECT_LAPSES and #recent_lapses(job) or 0
  if lapses >= SUSPECT_LAPSES then
    redis.call('ZADD', K.suspects .. job.queue, now - lapses * K.suspect_rank, job.id)
    redis.call('ZADD', K.arq_queue[job.queue], safety_at(), job.id)
    wake(job.queue)
  else
    enter_lane(job.id, job.queue, job.lane, job.score)
  end
  note_deadline(job)
end

-- A lane whose receiver has not answered waits until a delivery of its owner to such a receiver ends. One that timed
-- out, or is being tried, waits behind those that were not tried yet.
local function await_unanswered(queue, lane, owner)
  local slow, running = unpack(redis.call('HMGET', K.lane .. queue .. ':' .. lane, 'slow', 'running'))
  redis.call('ZADD', K.unanswered_lanes .. owner, now + ((slow or running) and K.slow_behind_ms or 0), lane)
  redis.call('ZADD', K.full .. queue, now, lane)
end

-- Jobs of this lane that ended or went back make room: a full lane may join the round again, and so may as many lanes
-- of the owner that wait because the owner had enough deliveries running. One whose jobs counted as deliveries to a
-- receiver that had not answered, and has not yet, waits with its owner's others of such, of which `let_in_unanswered`
-- lets in as many.
local function leave_running(queue, lane, owner, jobs, unanswered)
  local key = K.lane .. queue .. ':' .. lane
  local left = redis.call('HINCRBY', key, 'running', -jobs)
  if left <= 0 then redis.call('HDEL', key, 'running') end
  local its_owner, answered = nil, nil
  if unanswered > 0 then its_owner, answered = receiver_of(lane) end
  if its_owner and not answered then
    local waits = redis.call('EXISTS', K.backlog .. queue .. ':' .. lane) == 1
    if waits and not redis.call('ZSCORE', K.turns .. queue, lane) then await_unanswered(queue, lane, owner) end
  else
    let_in(queue, lane)
  end
  let_in_some('SPOP', K.owner_capped .. queue .. ':' .. owner, queue, jobs)
end

-- One job that was running runs no more, and nobody said how it ended.
local function stop_running(job)
  local unanswered = redis.call('ZREM', K.unanswered .. job.owner, job.id)
  leave_running(job.queue, job.lane, job.owner, 1, unanswered)
  let_in_unanswered(job.queue, job.owner, unanswered)
end
