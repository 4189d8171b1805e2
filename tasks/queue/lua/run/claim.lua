-- needs: counters lane_limits lanes lapsed/due_timers lapsed/suspects owners/deliveries owners/running records
-- seldom: ending lane_order lapsed/taken_back owners/suspension timing/waiting verbs/reopening
-- A worker asks for work: timers that are due are handled, lanes take turns, and what can start now starts.
-- payload: worker, queues {{name, free, slots, idle (it runs none of its jobs and has no end of one to write), normal
-- (no suspects this time: it is the others' turn), service (slots for the service's own work, which no pause holds
-- back; nil: none), shares}, …} and shared (`shared_room`), suspecting (it runs suspects), io_bound {kind → true},
-- keep, functions {name → true} (of the ARQ application that it runs; nil: it runs kinds), left {id → true} (foreign
-- jobs that it leaves to other workers), lane_cap, auto (whether an owner has its share of a queue instead),
-- receiver_cap, owner_cap (deliveries of one owner; 0: any number); from workers that number their claims also number,
-- read (the number of the last claim whose answer the worker has read), renewed (when it last renewed its leases, or
-- took the first, in ms).
-- Answers jobs {{id, queue, kind, owner, params, attempt, tries, created_at, started_at, request_id, traceparent,
-- tracestate, destination, suspect, io_bound, pool, due_at, timeout_s, max_tries}, …} (the last ten where there are
-- such; pool: 'service' if it takes such a slot; beside a suspect no other job of its queue may start), foreign_jobs
-- {{id, queue, score (when it was due, ms), body (nil: it is gone)}, …} to be adopted, wait_ms until a timer is due
-- (-1: none), now, draining: a queue of which nothing starts until its jobs have ended here, for its suspects are to
-- run (nil: none), and refused, if nothing was given: 'renew' (the worker's own leases may have lapsed: it renews them
-- and asks again) or 'late' (a later claim of this worker came first).
-- What a claim may find out in vain, so that it does not hold Redis: lanes without room, and jobs that are cancelled or
-- gone, which cost more. The next claim goes on.
local in_vain, JOB_IN_VAIN, CANCELLED_AT_ONCE = 500, 10, 25
local worker = payload.worker
local jobs, foreign_jobs, draining, pool = {}, {}, nil, nil
local wait_ms
local aborting = redis.call('EXISTS', K.arq_abort) == 1

-- leaves_some: all that are due stay so, for they are of foreign jobs that are for other workers.
local function note_timer(key, leaves_some)
  local first = leaves_some and redis.call('ZRANGEBYSCORE', key, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    or redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[2] then
    local left = math.max(tonumber(first[2]) - now, 0)
    if not wait_ms or left < wait_ms then wait_ms = left end
  end
end

local function is_cancelled(id)
  return aborting and redis.call('ZSCORE', K.arq_abort, id)
end

-- ARQ's client has given the id of an ended job to a new one. Those who waited for the ended one are told of it first.
local function is_reused(job)
  return not LIVE[job.state] and redis.call('EXISTS', K.arq_job .. job.id) == 1
    and redis.call('EXISTS', K.after .. job.id) == 0
end

-- ARQ's own worker watches this key while it looks whether a job is due: what it has just found so it does not begin.
local function keep_from_arq(id)
  redis.call('SET', K.arq_running .. id, worker)
  redis.call('DEL', K.arq_running .. id)
end

-- A job that has no record was enqueued by ARQ's client, or is gone.
local function handle_foreign_job(id, queue)
  local timers, body = K.arq_queue[queue], redis.call('GET', K.arq_job .. id)
  if not body and redis.call('EXISTS', K.arq_result .. id) == 1 then
    redis.call('ZREM', timers, id)
    return
  end
  -- Without a body its time to live was over, which its record is to say.
  foreign_jobs[#foreign_jobs + 1] = { id = id, queue = queue, body = body or nil,
    score = tonumber(redis.call('ZSCORE', timers, id)) }
  keep_from_arq(id)
  redis.call('ZADD', timers, now + K.lease_ms, id)
end

-- A job that ended since another did not succeed: that has been retried, and has succeeded. Returns whether it runs.
local function run_if_freed(job)
  local first = string.match(job.lost or '', '^%S+')
  return first and job.state ~= 'succeeded' and redis.call('HGET', K.job .. first, 'state') == 'succeeded'
    and reopen(job.id) == 'reopened'
end

-- A timer is due: what it means depends on the state of its job. patience: until when no lease lapses (ms). Returns
-- whether it stays due, for it is left to other workers.
local function handle_timer(id, queue, patience)
  load_seldom()
  local timers = K.arq_queue[queue]
  local elsewhere = redis.call('PTTL', K.arq_running .. id)
  local job = read(id)
  local is_foreign = not job or is_reused(job)
  local tried_elsewhere = elsewhere > 0 and (not job or job.arq and LIVE[job.state] and job.state ~= 'running')
  if tried_elsewhere or is_foreign and payload.left and payload.left[id] then
    -- Its own time stays as it is: ARQ's worker counts from it when it tries the job again.
    if elsewhere > 0 and elsewhere < (wait_ms or elsewhere + 1) then wait_ms = elsewhere end
    return true
  elseif elsewhere > 0 and (is_foreign or job.state == 'running') then
    redis.call('ZADD', timers, now + elsewhere, id)
  elseif is_foreign then
    handle_foreign_job(id, queue)
  elseif K.arq_queue[job.queue] ~= timers then
    -- Somebody gave a known id to another queue: the job has its timer in its own.
    redis.call('ZREM', timers, id)
  elseif job.kind == 'batch' then
    redis.call('ZREM', timers, id)
    redis.call('HDEL', K.job .. id, 'open')
    close_batch(id)
  elseif job.state == 'running' then
    if now < patience then redis.call('ZADD', timers, patience, id) else take_back(job) end
  elseif LIVE[job.state] then
    if job.arq then keep_from_arq(id) end
    handle_waiting(job, is_cancelled(id))
  elseif run_if_freed(job) then
    return
  elseif job.awaited then
    release_waiting(job, job.state)
    if is_reused(job) then redis.call('ZADD', timers, now, id) end
  else
    redis.call('ZREM', timers, id)
  end
end

-- Returns whether the job has started. alone: no other job of its queue runs in this worker.
local function start(id, queue, alone)
  local record = K.job .. id
  -- Two tables of known size cost less than `fields_of`, called for each job that starts.
  local state, owner, kind, created_at, attempts, tries, job_indexes, event, batch, params, request_id, due_at,
    traceparent, tracestate, unread, destination, unique, deadline, timeout_s, max_tries = unpack(redis.call('HMGET',
    record, 'state', 'owner', 'kind', 'created_at', 'attempt', 'tries', 'shelves', 'event', 'batch', 'params',
    'request_id', 'due_at', 'traceparent', 'tracestate', 'unread', 'destination', 'unique', 'deadline', 'timeout_s',
    'max_tries'))
  if state ~= 'queued' or not job_indexes or deadline and starts_late(id, queue, deadline) then return false end
  if is_cancelled(id) then
    load_seldom()
    close_cancelled(read(id), 'Cancelled before it started.')
    return false
  end
  -- ARQ's own worker may hold it: then we look again when its key lapses.
  if not redis.call('SET', K.arq_running .. id, worker, 'PX', K.lease_ms, 'NX') then
    redis.call('ZADD', K.arq_queue[queue], now + math.max(redis.call('PTTL', K.arq_running .. id), 1), id)
    return false
  end
  local attempt = tonumber(attempts or 0) + 1
  redis.call('HSET', record, 'state', 'running', 'worker', worker, 'attempt', attempt, 'started_at', now)
  if alone then redis.call('HSET', record, 'alone', attempt) end
  redis.call('ZADD', K.arq_queue[queue], now + K.lease_ms, id)
  set_state({ id = id, kind = kind, owner = owner, queue = queue, job_indexes = job_indexes, created_at = created_at,
    state = state, event = event, batch = batch, unique = unique }, 'running')
  if attempt == 1 and not unread then observe('pickup', label_of(kind, job_indexes), now - tonumber(due_at)) end
  jobs[#jobs + 1] = { id = id, queue = queue, kind = kind, owner = owner, params = params, attempt = attempt,
    tries = tonumber(tries or 0), created_at = tonumber(created_at), started_at = now, request_id = request_id or nil,
    traceparent = traceparent or nil, tracestate = tracestate or nil, destination = destination or nil,
    io_bound = payload.io_bound[kind], pool = pool, due_at = payload.functions and tonumber(due_at) or nil,
    timeout_s = tonumber(timeout_s or nil), max_tries = tonumber(max_tries or nil) }
  return true
end

-- Starts the first jobs of a lane's backlog. Returns how many.
local function start_first(queue, lane, want)
  if aborting then want = math.min(want, CANCELLED_AT_ONCE) end
  local popped = redis.call('ZPOPMIN', K.backlog .. queue .. ':' .. lane, want)
  local started = 0
  for n = 1, #popped, 2 do
    if start(popped[n], queue) then started = started + 1 end
  end
  if started > 0 then redis.call('HINCRBY', K.lane .. queue .. ':' .. lane, 'running', started) end
  in_vain = in_vain - JOB_IN_VAIN * (#popped / 2 - started)
  return started
end

-- How many jobs of this lane may start now: 0 takes it out of the round until something ends or its time has come.
local function lane_room(queue, lane, want, activity)
  local key = K.lane .. queue .. ':' .. lane
  local running, own_cap, rate, next_ms, trips, slow, ordered =
    unpack(redis.call('HMGET', key, 'running', 'cap', 'rate', 'next', 'trips', 'slow', 'ordered'))
  local cap = cap_of(lane, own_cap, trips or slow or ordered)
  local owner = cap == 0 and payload.auto and owner_of_lane(lane)
  if owner then cap = share_of(activity, owner) end
  if cap > 0 then
    want = math.min(want, cap - tonumber(running or 0))
    if want <= 0 then redis.call('ZADD', K.full .. queue, now, lane) end
  end
  if ordered and want > 0 then
    load_seldom()
    if not may_start_in_order(queue, lane) then return 0 end
  end
  rate = tonumber(rate or 0)
  if rate > 0 and want > 0 then
    local from = math.max(tonumber(next_ms or 0), now)
    if from > now then
      redis.call('ZADD', K.parked .. queue, from, lane)
      return 0
    end
    -- What a lane was too late to start within the last tenth of a second it may make up for.
    local since = math.max(tonumber(next_ms or now), now - 100)
    want = math.min(want, 1 + math.floor((now - since) * rate / 1000))
    redis.call('HSET', key, 'next', since + want * 1000 / rate)
  end
  return want
end

-- The last of `jobs` go to receivers that have not answered. What is noted of them is forgotten by itself if nobody
-- says that they have ended.
local function note_unanswered(owner, started)
  for n = #jobs - started + 1, #jobs do redis.call('ZADD', K.unanswered .. owner, now, jobs[n].id) end
  redis.call('PEXPIRE', K.unanswered .. owner, K.unanswered_ms)
end

-- Lanes of functions that this worker does not have stay in the round for others. At most so many are looked at.
local SKIPPED_AT_ONCE = 1000

-- The lanes of a round take turns until no slot is free. suspended: whether some owners are. Returns the number of the
-- last turn.
local function serve(queue, turns, free, turn, activity, suspended)
  local skipped = 0
  while free > 0 and skipped < SKIPPED_AT_ONCE do
    local lanes = redis.call('ZRANGE', turns, skipped, skipped + free - 1)
    if #lanes == 0 then break end
    for _, lane in ipairs(lanes) do
      if in_vain <= 0 then return turn end
      local want, owner, answered = 0, nil, nil
      local is_skipped = is_for_others(lane)
      if is_skipped then
        skipped = skipped + 1
      elseif not (suspended and park_if_suspended(queue, lane)) then
        want, owner, answered = owner_room(queue, lane, #lanes == 1 and free or 1, activity)
      end
      local room = want > 0 and lane_room(queue, lane, want, activity) or 0
      local started = room > 0 and start_first(queue, lane, room) or 0
      if started > 0 then
        if owner and not answered then note_unanswered(owner, started) end
        note_activity(activity, lane)
        free = free - started
      elseif want > 0 and owner then
        make_way(queue, owner, answered)
      end
      if room > 0 then turn = turn + 1 elseif not is_skipped then in_vain = in_vain - 1 end
      if room > 0 and redis.call('EXISTS', K.backlog .. queue .. ':' .. lane) == 1 then
        redis.call('ZADD', turns, turn, lane)
      elseif not is_skipped then
        leave_round(queue, lane)
        -- A new job may have brought it into the round while it waited for its turn.
        if room > 0 and owner and not answered then redis.call('ZREM', K.unanswered_lanes .. owner, lane) end
      end
    end
  end
  return turn
end

-- Suspects run without their queue's other jobs, and half of them at once: if their worker dies again, the one that
-- kills is among them. So a few deaths find it, and the last of them, alone, proves it. A worker that runs nothing of
-- the queue takes them; if none is, one at a time ends what it runs of it. Returns whether nothing else of the queue
-- may start.
local function claim_suspects(queue)
  local name = queue.name
  local first, key, began = first_suspects(name), K.quarantine .. name, #jobs
  if #first == 0 then return false end
  local holder = redis.call('GET', key)
  if queue.idle then
    if holder == worker then redis.call('DEL', key) end
    local want = math.min(math.ceil(#first / 2), queue.free)
    for n = 1, want do
      redis.call('ZREM', K.suspects .. name, first[n])
      if start(first[n], name, want == 1) then
        jobs[#jobs].suspect = true
        redis.call('HINCRBY', K.lane .. name .. ':' .. redis.call('HGET', K.job .. first[n], 'lane'), 'running', 1)
      end
    end
    return #jobs > began
  elseif not holder or holder == worker then
    redis.call('SET', key, worker, 'PX', K.quarantine_ms)
    draining = name
    return true
  end
  return false
end

-- Handles the timers that are due. Returns whether all that are still due are left to other workers.
local function handle_timers(timers, queue, patience)
  local due, left = due_timers(timers), 0
  for n = 1, #due do
    if handle_timer(due[n], queue, patience) then left = left + 1 end
  end
  if left >= DUE_AT_ONCE then
    for _, id in ipairs(not_left_behind(timers)) do
      due[#due + 1] = id
      if handle_timer(id, queue, patience) then left = left + 1 end
    end
  end
  return left > 0 and (#due < DUE_AT_ONCE or left == #due)
end

local function answer(refused)
  return cmsgpack.pack({ jobs = jobs, foreign_jobs = foreign_jobs, wait_ms = wait_ms or -1, draining = draining,
    refused = refused, now = now })
end

if payload.number then
  -- The last claim of this worker: its number, and as msgpack, seldom read, id and attempt of each job that it gave.
  local last = redis.call('GET', K.claimed .. worker) or '0 '
  local number, start_of_jobs = string.match(last, '^(%d+) ()')
  -- A claim that its worker gave up on may arrive after the next one.
  if tonumber(number) >= payload.number then return answer('late') end
  if tonumber(number) > payload.read then
    load_seldom()
    local unread = cmsgpack.unpack(string.sub(last, start_of_jobs))
    for n = 1, #unread, 2 do take_back_unread(unread[n], unread[n + 1]) end
  end
  -- In Redis' time, whatever was the cause: the worker or its machine stood still, or Redis' clock was set.
  if payload.renewed and now - payload.renewed > K.away_ms then return answer('renew') end
end

-- Of a queue that was deleted a worker learns with its next beat: until then nothing is to be written of it.
local function is_deleted(queue)
  return not (rawget(K.arq_queue, queue) or string.find(queue, '/', 1, true) or redis.call('ZSCORE', K.queues, queue))
end

-- A worker runs the suspects of one queue at a time: else both would be blamed for its death.
local is_paused, turns, activities, suspended, leaves_some, suspecting = {}, {}, {}, {}, {}, payload.suspecting
for _, queue in ipairs(payload.queues) do
  local name = queue.name
  local paused, turn, seen, patience, slots, one, one_at, two, two_at, owners_suspended, most, running =
    unpack(redis.call('HMGET', K.queue .. name, 'paused', 'turn', 'seen', 'patience', 'slots', 'active_owner',
      'active_at', 'active_owner2', 'active_at2', 'suspended', 'max_running', 'in:running'))
  if most then queue.free = math.min(queue.free, tonumber(most) - tonumber(running or 0)) end
  if owners_suspended then load_seldom() end
  suspended[name] = owners_suspended
  activities[name] = activity_of(name, queue.slots, slots, one, one_at, two, two_at)
  is_paused[name], turns[name] = paused, tonumber(turn or 0)
  patience = tonumber(patience or 0)
  if seen and now - tonumber(seen) > K.outage_ms then patience = now + K.patience_ms end
  patience = math.min(patience, now + K.patience_ms) -- the clock may have been set back
  if seen or not is_deleted(name) then redis.call('HSET', K.queue .. name, 'seen', now, 'patience', patience) end
  leaves_some[name] = handle_timers(K.arq_queue[name], name, patience)
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', K.parked .. name, '-inf', now, 'LIMIT', 0, DUE_AT_ONCE)) do
    redis.call('ZREM', K.parked .. name, lane)
    if redis.call('EXISTS', K.backlog .. name .. ':' .. lane) == 1 then join_round(name, lane) end
  end
  if not (paused or suspecting or queue.normal) and queue.free > 0 then
    suspecting = claim_suspects(queue) and name
    spend_shared(queue, #jobs)
  end
end
for _, queue in ipairs(payload.queues) do
  local name, turn, activity, began = queue.name, turns[queue.name], activities[queue.name], #jobs
  local free = shared_room(queue)
  if free > 0 and suspecting ~= name and not is_paused[name] then
    turn = serve(name, K.turns .. name, free, turn, activity, suspended[name])
    spend_shared(queue, #jobs - began)
  end
  if queue.service then
    pool = 'service'
    turn = serve(name, K.service_turns .. name, queue.service, turn, activity)
    pool = nil
  end
  if activity.changed then
    redis.call('HSET', K.queue .. name, 'turn', turn, 'active_owner', activity.owners[1], 'active_at', activity.at[1],
      'active_owner2', activity.owners[2], 'active_at2', activity.at[2])
  elseif turn ~= turns[name] then
    redis.call('HSET', K.queue .. name, 'turn', turn)
  end
  -- Wake signals that nobody needs any more would wake idle workers for nothing.
  local round = (is_paused[name] and K.service_turns or K.turns) .. name
  if redis.call('EXISTS', round) == 0 then redis.call('DEL', K.wake .. name) end
  note_timer(K.arq_queue[name], leaves_some[name])
  note_timer(K.parked .. name)
end
if in_vain <= 0 then wait_ms = 0 end
if payload.number then
  local given = {}
  for n = 1, #jobs do
    given[2 * n - 1], given[2 * n] = jobs[n].id, jobs[n].attempt
  end
  local value = string.format('%.0f ', payload.number) .. cmsgpack.pack(given)
  redis.call('SET', K.claimed .. worker, value, 'PX', K.claimed_ms)
end
return answer()
