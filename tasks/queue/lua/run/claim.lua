-- needs: counters ending lane_limits lanes lapses records
-- A worker asks for work: timers that are due are looked at, lanes take turns, and what can start now starts.
-- payload: worker, idle (it runs nothing and has no end to write), queues {{name, free}, …}, lane_cap, receiver_cap and owner_cap (of deliveries; 0: none), keep.
-- Answers {jobs, strangers, wait_ms, mode, now}: jobs {id, queue, kind, owner, params, attempt, tries, created_at, request_id,
-- traceparent, tracestate} …;
-- strangers {id, queue, arq body} … to be adopted; wait_ms until a timer is due (-1: none);
-- mode 'alone' (the one job is a suspect: run nothing beside it), 'drain' (run empty, then ask again for a suspect) or 'any'.
local DUE_AT_ONCE = 100
local worker = payload.worker
local jobs, strangers, mode = {}, {}, 'any'
local wait
local aborting = redis.call('EXISTS', K.arq_abort) == 1

local function note_timer(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[2] then
    local left = math.max(tonumber(first[2]) - now, 0)
    if not wait or left < wait then wait = left end
  end
end

local function cancelled(id)
  return aborting and redis.call('ZSCORE', K.arq_abort, id)
end

-- The job's worker died: it waits in its lane again, or among the suspects.
local function take_back(id, job)
  if not lapse(id, job, payload.keep) then return end
  leave_running(job.queue, job.lane, 1, job.owner)
  redis.call('HSET', K.job .. id, 'state', 'queued')
  set_state(id, job, 'queued')
  wait_again(id, job.queue, job.lane, job.score, job.lapses)
end

-- A timer is due: what it means depends on the state of its job.
local function look(id, queue, patience)
  local timers = K.arq_queue[queue]
  local elsewhere = redis.call('PTTL', K.arq_running .. id)
  local job = read(id)
  if elsewhere > 0 and (not job or job.state == 'running') then
    redis.call('ZADD', timers, now + elsewhere, id)
  elseif not job then
    local body = redis.call('GET', K.arq_job .. id)
    if body then
      strangers[#strangers + 1] = { id, queue, body }
      redis.call('ZADD', timers, now + K.lease_ms, id)
    else
      redis.call('ZREM', timers, id)
    end
  elseif job.queue ~= queue then
    -- Somebody gave a known id to another queue: the job has its timer in its own.
    redis.call('ZREM', timers, id)
  elseif job.kind == 'batch' then
    redis.call('ZREM', timers, id)
    redis.call('HDEL', K.job .. id, 'open')
    close_batch(id, payload.keep)
  elseif job.state == 'running' then
    if now < patience then redis.call('ZADD', timers, patience, id) else take_back(id, job) end
  elseif job.state == 'queued' or job.state == 'scheduled' or job.state == 'retrying' then
    if cancelled(id) then
      leave_lane(id, queue, job.lane)
      close_cancelled(id, job, 'Cancelled before it started.', payload.keep)
    elseif job.lost then
      close_lost(id, job, payload.keep)
    elseif job.awaits > 0 then
      redis.call('ZADD', timers, now + K.safety_ms, id)
    else
      if job.state ~= 'queued' then
        redis.call('HSET', K.job .. id, 'state', 'queued')
        set_state(id, job, 'queued')
      end
      wait_again(id, queue, job.lane, job.score, job.lapses)
    end
  elseif job.awaited then
    let_go_after(id, job, job.state)
  else
    redis.call('ZREM', timers, id)
  end
end

local function start(id, queue)
  local r = redis.call('HMGET', K.job .. id, 'state', 'owner', 'kind', 'created_at', 'attempt', 'tries', 'shelves', 'event', 'batch', 'params',
    'request_id', 'due_at', 'traceparent', 'tracestate')
  if r[1] ~= 'queued' or not r[7] then return false end
  if cancelled(id) then
    close_cancelled(id, read(id), 'Cancelled before it started.', payload.keep)
    return false
  end
  -- A stock ARQ worker may hold it: then we look again when its key lapses.
  if not redis.call('SET', K.arq_running .. id, worker, 'PX', K.lease_ms, 'NX') then
    redis.call('ZADD', K.arq_queue[queue], now + math.max(redis.call('PTTL', K.arq_running .. id), 1), id)
    return false
  end
  local attempt = tonumber(r[5] or 0) + 1
  redis.call('HSET', K.job .. id, 'state', 'running', 'worker', worker, 'attempt', attempt, 'started_at', now)
  redis.call('ZADD', K.arq_queue[queue], now + K.lease_ms, id)
  set_state(id, { state = 'queued', shelves = r[7], event = r[8], batch = r[9], created_at = r[4], kind = r[3], queue = queue }, 'running')
  if attempt == 1 then observe('pickup', label(r[3]), now - tonumber(r[12])) end
  jobs[#jobs + 1] = { id, queue, r[3], r[2], r[10], attempt, tonumber(r[6] or 0), tonumber(r[4]), r[11], r[13], r[14] }
  return true
end

local function take(queue, lane, want)
  local popped = redis.call('ZPOPMIN', K.line .. queue .. ':' .. lane, want)
  local started = 0
  for i = 1, #popped, 2 do
    if start(popped[i], queue) then started = started + 1 end
  end
  if started > 0 then redis.call('HINCRBY', K.lane .. queue .. ':' .. lane, 'running', started) end
  return started
end

-- How many deliveries of this lane's owner may start now. A lane that has to stand back is let in again by the next that ends.
local function share(queue, lane, want)
  if payload.owner_cap == 0 or string.sub(lane, 1, 6) == 'owner:' then return want end
  local kind, about = string.match(lane, '^(%a+):([^:]+)')
  local owner = kind == 'host' and about or redis.call('HGET', K.endpoint .. (about or ''), 'owner')
  if not owner then return want end
  local room = payload.owner_cap - redis.call('ZCARD', K.jobs .. owner .. '/delivery:running')
  if room > 0 then return math.min(want, room) end
  redis.call('SADD', K.standing_back .. queue .. ':' .. owner, lane)
  redis.call('ZADD', K.full .. queue, now, lane)
  return 0
end

-- How many jobs of this lane may start now: 0 takes it out of the round until something ends or its time has come.
local function room(queue, lane, want)
  local key = K.lane .. queue .. ':' .. lane
  local limits = redis.call('HMGET', key, 'running', 'cap', 'rate', 'next', 'trips')
  local cap = cap_of(lane, limits[2], limits[5])
  if cap > 0 then
    want = math.min(want, cap - tonumber(limits[1] or 0))
    if want <= 0 then redis.call('ZADD', K.full .. queue, now, lane) end
  end
  local rate = tonumber(limits[3] or 0)
  if rate > 0 and want > 0 then
    local from = math.max(tonumber(limits[4] or 0), now)
    if from > now then
      redis.call('ZADD', K.parked .. queue, from, lane)
      return 0
    end
    -- What a lane was too late to start within the last tenth of a second it may make up for.
    local since = math.max(tonumber(limits[4] or now), now - 100)
    want = math.min(want, 1 + math.floor((now - since) * rate / 1000))
    redis.call('HSET', key, 'next', since + want * 1000 / rate)
  end
  return want
end

local function serve(queue, free, turn)
  local turns = K.turns .. queue
  while free > 0 do
    local lanes = redis.call('ZRANGE', turns, 0, free - 1)
    if #lanes == 0 then break end
    for _, lane in ipairs(lanes) do
      local want = share(queue, lane, #lanes == 1 and free or 1)
      if want > 0 then want = room(queue, lane, want) end
      if want > 0 then
        free = free - take(queue, lane, want)
        turn = turn + 1
      end
      if want > 0 and redis.call('EXISTS', K.line .. queue .. ':' .. lane) == 1 then
        redis.call('ZADD', turns, turn, lane)
      else
        redis.call('ZREM', turns, lane)
      end
    end
  end
  return turn
end

local function first_suspect(queue)
  for _, id in ipairs(redis.call('ZRANGE', K.suspects .. queue, 0, -1)) do
    if not redis.call('ZSCORE', K.parked .. queue, redis.call('HGET', K.job .. id, 'lane') or '') then return id end
  end
end

-- A suspect runs alone, so that nobody else is blamed if it kills its worker again. A worker that is empty takes it at once; if none is,
-- one at a time empties itself for that.
local function claim_suspect(queue)
  local id = first_suspect(queue)
  if not id then return end
  local holder = redis.call('GET', K.quarantine)
  if payload.idle then
    if holder == worker then redis.call('DEL', K.quarantine) end
    redis.call('ZREM', K.suspects .. queue, id)
    if start(id, queue) then
      redis.call('HINCRBY', K.lane .. queue .. ':' .. redis.call('HGET', K.job .. id, 'lane'), 'running', 1)
      mode = 'alone'
    end
  elseif not holder or holder == worker then
    redis.call('SET', K.quarantine, worker, 'PX', K.quarantine_ms)
    mode = 'drain'
  end
end

local paused, turn = {}, {}
for _, pair in ipairs(payload.queues) do
  local queue = pair[1]
  local about = redis.call('HMGET', K.queue .. queue, 'paused', 'turn', 'seen', 'patience')
  paused[queue], turn[queue] = about[1], tonumber(about[2] or 0)
  local patience = tonumber(about[4] or 0)
  if about[3] and now - tonumber(about[3]) > K.outage_ms then patience = now + K.patience_ms end
  redis.call('HSET', K.queue .. queue, 'seen', now, 'patience', patience)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', K.arq_queue[queue], '-inf', now, 'LIMIT', 0, DUE_AT_ONCE)) do
    look(id, queue, patience)
  end
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', K.parked .. queue, '-inf', now, 'LIMIT', 0, DUE_AT_ONCE)) do
    redis.call('ZREM', K.parked .. queue, lane)
    if redis.call('EXISTS', K.line .. queue .. ':' .. lane) == 1 then join_round(queue, lane) end
  end
  if mode == 'any' and not paused[queue] and pair[2] > 0 then claim_suspect(queue) end
end
for _, pair in ipairs(payload.queues) do
  local queue, free = pair[1], pair[2]
  if mode == 'any' and free > 0 and not paused[queue] then
    local after = serve(queue, free, turn[queue])
    if after ~= turn[queue] then redis.call('HSET', K.queue .. queue, 'turn', after) end
  end
  -- Wake signals that nobody needs any more would wake idle workers for nothing.
  if redis.call('EXISTS', K.turns .. queue) == 0 or paused[queue] then redis.call('DEL', K.wake .. queue) end
  note_timer(K.arq_queue[queue])
  note_timer(K.parked .. queue)
end
return cmsgpack.pack({ jobs, strangers, wait or -1, mode, now })
