-- needs: arq blobs counters ending indexes jobs/prerequisites lane_ids lanes owners/everyones records unique/holding
-- needs: queues/made queues/making
-- Repairs what lacks something: a key that expired, was evicted or deleted, or an older snapshot of Redis.
-- payload: ids, lanes {{queue, name}, …}, schedules {id, …}, endpoints {id, …}, queues {name, …}, owner (of jobs that
-- have lost theirs, and of built-in schedules),
-- kinds {name → true} (that there are, `batch` included), foreign (the index of all others), keep, in_redis_ms (for
-- which a job with `keep` stays in Redis after its end; nil: as long as it is kept), cursor (from where the next run
-- goes on; nil: as it is).
-- Answers jobs {'fine' | 'mended' | 'closed' | 'dropped' | 'over' | 'expired' | 'kept' (it is to leave Redis), …} for
-- the ids, lanes_examined, lanes_mended, queues_mended. When it has asked Redis as much as it may, the rest of ids and
-- lanes is to be sent again.
-- What waits where it should is left alone: in a parked lane or a paused queue, for its time, for other jobs.

-- About so many calls to Redis are 2 to 4 ms of its time; what a step takes of them is estimated, not counted.
local MOST_CALLS = 2000
local calls, CALLS = 0, { job = 13, indexes = 10, blob = 3, first = 4, ending = 80, after = 250, lane = 6 }
local NEEDED = { 'kind', 'queue', 'owner', 'lane', 'shelves', 'priority', 'params', 'created_at', 'due_at', 'score' }

-- No record, or some fields that were written into an evicted one: no timer is of use, unless a foreign job's body
-- waits to be adopted.
local function drop(id)
  local record, dropped = K.job .. id, 0
  if redis.call('PTTL', record) == -1 then dropped = redis.call('DEL', record) end
  if redis.call('EXISTS', K.arq_job .. id, K.arq_running .. id) == 0 then
    for _, queue in ipairs(all_queues()) do dropped = dropped + redis.call('ZREM', K.arq_queue[queue], id) end
  end
  return dropped > 0 and 'dropped' or 'over'
end

-- What needs blobs is noted at them for as long as it is kept.
local function renew_blobs(holder, blobs, delay_ms)
  for blob in string.gmatch(blobs, '%x+') do
    local key = K.blob .. blob
    calls = calls + CALLS.blob
    if redis.call('PTTL', key) < K.blob_ms / 2 or redis.call('SISMEMBER', key, holder) == 0 then
      need_blobs(holder, { blob }, delay_ms)
    end
  end
end

-- Versions before 28 November 2026 had no list of everyone's endpoints and schedules.
local function list_again(index, things, id)
  local owner, created_at = unpack(redis.call('HMGET', things .. id, 'owner', 'created_at'))
  if owner and created_at and owner ~= payload.owner then list_for_everyone(index, id, created_at) end
end

local function renew_blobs_of_job(id)
  local blobs, due_at, expires_at = unpack(redis.call('HMGET', K.job .. id, 'blobs', 'due_at', 'expires_at'))
  if not blobs or expires_at and tonumber(expires_at) <= now then return end
  renew_blobs(id, blobs, math.max(tonumber(due_at or now) - now, 0))
end

-- Versions before 27 November 2026 kept an index for all jobs of an owner, whatever their kind, and indexes without
-- states, but none for everyone.
local function renew_indexes(id)
  local old, owner, kind, state, created_at =
    unpack(redis.call('HMGET', K.job .. id, 'shelves', 'owner', 'kind', 'state', 'created_at'))
  if not (old and owner and kind and state and created_at) or string.find(old, '*/', 1, true) then return false end
  local name = payload.kinds[kind] and kind or payload.foreign
  local new = owner .. '/' .. name .. ' */' .. name
  local endpoint = string.match(old, 'endpoint/%S+')
  if endpoint then new = new .. ' ' .. endpoint end
  for index in string.gmatch(old, '%S+') do redis.call('ZREM', K.jobs .. index, id) end
  for _, index in ipairs(indexes_of(old, state)) do redis.call('ZREM', index, id) end
  for _, index in ipairs(indexes_of(new, state)) do redis.call('ZADD', index, created_at, id) end
  redis.call('HSET', K.job .. id, 'shelves', new)
  calls = calls + CALLS.indexes
  return true
end

-- A record that has lost some of what a job needs is made whole, and closed.
local function close_incomplete(id)
  local record, missing = K.job .. id, nil
  for n, value in ipairs(redis.call('HMGET', record, unpack(NEEDED))) do
    if not value or NEEDED[n] == 'queue' and not K.arq_queue[value] then missing = missing or NEEDED[n] end
  end
  if not missing then return false end
  if missing == 'queue' then redis.call('HSET', record, 'queue', 'default') end
  local owner = redis.call('HGET', record, 'owner') or payload.owner
  local defaults = { kind = 'unknown', queue = 'default', owner = owner, lane = owner_lane(owner),
    shelves = owner .. '/' .. payload.foreign .. ' */' .. payload.foreign, priority = 'normal', params = '{}',
    created_at = now, due_at = now, score = 0 }
  for name, value in pairs(defaults) do redis.call('HSETNX', record, name, value) end
  local job = read(id)
  leave_lane(job)
  close_with_error(job, job.attempt, 'failed', 'record_incomplete',
    'The record has lost its ' .. missing .. ', without which the job cannot run; submit it again.')
  return true
end

-- A job that waits for others counts them again: one that is gone will not release it.
local function recount_awaited(job)
  local live, lost = 0, nil
  for _, first in ipairs(cjson.decode(redis.call('HGET', K.job .. job.id, 'after') or '[]')) do
    calls = calls + CALLS.first
    local state, code = unpack(redis.call('HMGET', K.job .. first, 'state', 'code'))
    if LIVE[state] then
      live = live + 1
      redis.call('SADD', K.after .. first, job.id)
      redis.call('HSET', K.job .. first, 'awaited', 1)
    elseif not is_met(job.run_if, end_of(state, code)) then
      lost = { id = first, state = end_of(state, code) or 'gone' }
    end
  end
  if live >= job.awaits then return 'fine' end
  if lost then
    close_unmet(job, lost.id, lost.state)
    return 'closed'
  end
  redis.call('HSET', K.job .. job.id, 'awaits', live)
  job.awaits = live
  return 'mended'
end

-- Each live job has ARQ's body and a timer; one that is queued is in a backlog or among the suspects.
local function put_back(job)
  local id, timers, mended = job.id, K.arq_queue[job.queue], false
  local timer, held = redis.call('ZSCORE', timers, id), redis.call('PTTL', K.arq_running .. id)
  local due = tonumber(redis.call('HGET', K.job .. id, 'due_at'))
  timer = timer and tonumber(timer)

  local function set_timer(time)
    redis.call('ZADD', timers, math.min(time, tonumber(job.deadline or time)), id)
    wake(job.queue)
    mended = true
  end

  if job.state == 'running' then
    -- The claim takes up what has lost its lease.
    if not timer or held <= 0 and timer > now + K.lease_ms then set_timer(now + math.max(held, 0)) end
  elseif job.state == 'queued' then
    local waits = redis.call('ZSCORE', K.backlog .. job.queue .. ':' .. job.lane, id)
      or redis.call('ZSCORE', K.suspects .. job.queue, id)
    -- One that is in neither may be with ARQ's own worker, or on its way to one; its timer is near then.
    if not waits and held <= 0 and (not timer or timer > now) then
      requeue(job)
      mended = true
    elseif not timer then
      set_timer(waits and safety_at() or now + math.max(held, 0))
    end
  elseif job.awaits > 0 then
    if not timer then set_timer(safety_at()) end
  elseif not timer or timer > math.max(due, now) then
    set_timer(due)
  end
  if not job.arq and redis.call('EXISTS', K.arq_job .. id) == 0 then
    redis.call('SET', K.arq_job .. id, arq_body(id, job.kind), 'PX', math.max(due - now, 0) + K.arq_job_ms)
    mended = true
  end
  return mended and 'mended' or 'fine'
end

-- A batch that is open waits for its time; one that is sealed ends with its last job, which may have been lost.
local function reconcile_batch(id)
  local open = redis.call('HEXISTS', K.job .. id, 'open') == 1
  if open and not redis.call('ZSCORE', K.arq_queue.default, id) then
    redis.call('ZADD', K.arq_queue.default, now + K.batch_open_ms, id)
    return 'mended'
  end
  close_batch(id)
  return redis.call('HGET', K.job .. id, 'state') == 'running' and 'fine' or 'closed'
end

-- What becomes of a job that has ended. One with `keep` ended keep_ms before it expires. As long as jobs wait for it,
-- or its success may yet free some, its record is asked for, and stays.
local function look_back(id, kind, expires_at, keep, keep_ms)
  if not expires_at then return 'over' end
  if tonumber(expires_at) <= now then return 'expired' end
  local leaves = keep and keep_ms and payload.in_redis_ms and kind ~= 'batch'
    and expires_at - keep_ms + payload.in_redis_ms <= now
    and redis.call('EXISTS', K.after .. id, K.freed_by .. id) == 0
  return leaves and 'kept' or 'over'
end

local function reconcile(id)
  local state, kind, expires_at, keep, keep_ms =
    unpack(redis.call('HMGET', K.job .. id, 'state', 'kind', 'expires_at', 'keep', 'keep_ms'))
  if not state then return drop(id) end
  renew_blobs_of_job(id)
  renew_indexes(id)
  if not LIVE[state] then return look_back(id, kind, expires_at, keep, keep_ms) end
  if kind == 'batch' then return reconcile_batch(id) end
  if close_incomplete(id) then return 'closed' end
  local job = read(id)
  if job.unique then hold_unique(job, job.state) end
  local counted = job.state == 'scheduled' and job.awaits > 0 and recount_awaited(job) or 'fine'
  if counted == 'closed' then return counted end
  local put = put_back(job)
  return counted == 'fine' and put or 'mended'
end

-- The indexes that have all of a lane's jobs, as names with spaces between; nil if its name has another form. Batches
-- are in no lane, and there may be many that are open.
local function job_indexes_of(lane)
  local kind, subject = parse_lane(lane)
  if kind == 'host' then return subject .. '/delivery' end
  if kind == 'endpoint' or kind == 'test' then return 'endpoint/' .. subject end
  if kind == 'function' then return payload.owner .. '/' .. payload.foreign end
  if kind ~= 'owner' and kind ~= 'service' then return end
  local names = { subject .. '/' .. payload.foreign }
  for name in pairs(payload.kinds) do
    if name ~= 'batch' and name ~= 'delivery' then names[#names + 1] = subject .. '/' .. name end
  end
  table.sort(names)
  return table.concat(names, ' ')
end

-- How many of some indexes' jobs run in each lane: queue and lane → number. They are read once for all the lanes whose
-- jobs are in them, and short, for they have no more than all workers' slots.
local counted = {}
local function running_by_lane(job_indexes)
  local running = {}
  for _, index in ipairs(indexes_of(job_indexes, 'running')) do
    calls = calls + 1
    for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      local state, queue, lane = unpack(redis.call('HMGET', K.job .. id, 'state', 'queue', 'lane'))
      calls = calls + 1
      if state == 'running' and queue and lane then
        local name = queue .. ':' .. lane
        running[name] = (running[name] or 0) + 1
      end
    end
  end
  return running
end

-- A lane that counts a job which is gone stays full for ever; one out of the round in which nothing runs is never put
-- back.
local function mend_lane(queue, lane)
  local job_indexes = job_indexes_of(lane)
  if not job_indexes or not K.arq_queue[queue] then return false end
  local key, mended = K.lane .. queue .. ':' .. lane, false
  calls = calls + CALLS.lane
  counted[job_indexes] = counted[job_indexes] or running_by_lane(job_indexes)
  local running = counted[job_indexes][queue .. ':' .. lane] or 0
  if tonumber(redis.call('HGET', key, 'running') or 0) ~= running then
    if running > 0 then redis.call('HSET', key, 'running', running) else redis.call('HDEL', key, 'running') end
    mended = true
  end
  local waits = redis.call('EXISTS', K.backlog .. queue .. ':' .. lane) == 1
  if can_be_made(queue) and not redis.call('ZSCORE', K.queues, queue) then
    -- What was set of the lane goes with its queue; jobs bring the queue back.
    if waits or running > 0 then make_queue(queue, payload.owner) else redis.call('DEL', key) end
  end
  local in_round = redis.call('ZSCORE', K.turns .. queue, lane)
    and (not is_service(lane) or redis.call('ZSCORE', K.service_turns .. queue, lane))
  local known = in_round or redis.call('ZSCORE', K.parked .. queue, lane)
  if waits and not known and (running == 0 or mended) then
    join_round(queue, lane)
    wake(queue)
    mended = true
  end
  return mended
end

-- How many of a queue's jobs are in each state, counted again: each live job has a timer. A long queue is not held up
-- for it.
local LONG_QUEUE = 1000
local function recount(queue)
  local timers, states, mended = K.arq_queue[queue], {}, false
  if redis.call('ZCARD', timers) > LONG_QUEUE then return false end
  for _, id in ipairs(redis.call('ZRANGE', timers, 0, -1)) do
    local state, its_queue, kind = unpack(redis.call('HMGET', K.job .. id, 'state', 'queue', 'kind'))
    if state and its_queue == queue and kind ~= 'batch' then states[state] = (states[state] or 0) + 1 end
  end
  for state in pairs(LIVE) do
    local counted_jobs = tonumber(redis.call('HGET', K.queue .. queue, 'in:' .. state) or 0)
    if counted_jobs ~= (states[state] or 0) then
      redis.call('HSET', K.queue .. queue, 'in:' .. state, states[state] or 0)
      mended = true
    end
  end
  return mended
end

local jobs, lanes_examined, lanes_mended, queues_mended = {}, 0, 0, 0
for n, id in ipairs(payload.ids) do
  if calls > MOST_CALLS then break end
  jobs[n] = reconcile(id)
  calls = calls + CALLS.job
  if jobs[n] == 'closed' then
    calls = calls + CALLS.ending + (redis.call('HEXISTS', K.job .. id, 'awaited') == 1 and CALLS.after or 0)
  end
end
for _, lane in ipairs(payload.lanes) do
  -- Lanes of an index that has been read are not left to the next script, which would read it again.
  if calls > MOST_CALLS and not counted[job_indexes_of(lane.name) or ''] then break end
  lanes_examined = lanes_examined + 1
  if mend_lane(lane.queue, lane.name) then lanes_mended = lanes_mended + 1 end
end
for _, id in ipairs(payload.schedules) do
  renew_blobs('schedule:' .. id, redis.call('HGET', K.schedule .. id, 'blobs') or '', 0)
  list_again(K.schedules .. ':', K.schedule, id)
end
for _, id in ipairs(payload.endpoints) do list_again(K.endpoints, K.endpoint, id) end
if payload.cursor then redis.call('SET', K.reconciliation, payload.cursor, 'PX', K.reconciliation_ms) end
for _, queue in ipairs(payload.queues) do
  if recount(queue) then queues_mended = queues_mended + 1 end
end
return cmsgpack.pack({ jobs = jobs, lanes_examined = lanes_examined, lanes_mended = lanes_mended,
  queues_mended = queues_mended })
