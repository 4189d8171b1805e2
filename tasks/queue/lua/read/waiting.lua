-- needs: lane_ids read/lane_states records
-- Why jobs wait. payload: ids, health_check (how ARQ's keys of workers end), lane_cap, auto, receiver_cap, owner_cap
-- (as in claim.lua). Answers for each id {{reason, …}, …}: none if it runs or has ended. Beside the reason stand
--   due_time: until_ms
--   prerequisites: jobs {id, …}, those that have not succeeded
--   owner_suspended: since_ms
--   paused_queue: since_ms
--   no_worker (that serves its queue, or has its function)
--   parked_lane: until_ms
--   order: until_ms (an earlier delivery to its endpoint, which is `ordered`, waits for its next try)
--   rate_limit: until_ms
--   cap: cap, running (of its lane)
--   owner_cap: cap, running (deliveries of the owner)
--   unanswered: the owner's deliveries to receivers that have not answered have all their slots
--   suspect: workers died under it, so it waits for one that has no other job of its queue
--   turn: ahead (jobs of its lane that come before it)
local FIELDS = { 'state', 'queue', 'lane', 'owner', 'event', 'due_at', 'awaits', 'after' }

-- Queues have few workers and many jobs that ask: each is looked at once.
local served, paused, activities = {}, {}, {}

local function is_served(queue)
  if served[queue] == nil then
    local said = redis.call('GET', K.arq_queue[queue] .. payload.health_check)
    -- Workers of ours write JSON there, one of ARQ's own a line of text.
    served[queue] = said and string.sub(said, 1, 1) ~= '{' or false
    for _, worker in ipairs(redis.call('HKEYS', K.slots .. queue)) do
      local beat = not served[queue] and redis.call('ZSCORE', K.workers, worker)
      if beat and tonumber(beat) > now - K.worker_ms then served[queue] = true end
    end
  end
  return served[queue]
end

local function paused_since(queue)
  if paused[queue] == nil then paused[queue] = tonumber(redis.call('HGET', K.queue .. queue, 'paused')) or false end
  return paused[queue]
end

local function activity_in(queue)
  activities[queue] = activities[queue] or activity_now(queue)
  return activities[queue]
end

local HAS_ENDED = { succeeded = true, failed = true, cancelled = true }
local function prerequisites(after)
  local jobs = {}
  for _, id in ipairs(cjson.decode(after or '[]')) do
    if not HAS_ENDED[redis.call('HGET', K.job .. id, 'state')] then jobs[#jobs + 1] = id end
  end
  return jobs
end

local function add_lane_reasons(reasons, queue, lane, owner, event)
  local function add(reason) reasons[#reasons + 1] = reason end
  local lane_now = lane_state(queue, lane, activity_in(queue))
  if lane_now.state == 'parked' then
    local held = tonumber(redis.call('HGET', K.lane .. queue .. ':' .. lane, 'held') or 0)
    add({ reason = held == lane_now.until_ms and 'order' or 'parked_lane', until_ms = lane_now.until_ms })
  elseif lane_now.state == 'limited' then
    add({ reason = 'rate_limit', until_ms = lane_now.until_ms })
  end
  if lane_now.cap > 0 and lane_now.running >= lane_now.cap then
    add({ reason = 'cap', cap = lane_now.cap, running = lane_now.running })
  end
  if event and payload.owner_cap > 0 then
    local running = redis.call('ZCARD', K.jobs .. owner .. '/delivery:running')
    if running >= payload.owner_cap then add({ reason = 'owner_cap', cap = payload.owner_cap, running = running }) end
    if redis.call('ZSCORE', K.unanswered_lanes .. owner, lane) then add({ reason = 'unanswered' }) end
  end
end

local function reasons_of(id)
  local job, reasons = fields_of(K.job .. id, FIELDS), {}
  local function add(reason) reasons[#reasons + 1] = reason end
  if job.state ~= 'scheduled' and job.state ~= 'queued' and job.state ~= 'retrying' then return reasons end
  -- Reconciliation closes one that has lost these.
  if not (job.lane and job.due_at and K.arq_queue[job.queue or '']) then return reasons end
  if job.state ~= 'queued' then
    local due = tonumber(job.due_at)
    if due > now then add({ reason = 'due_time', until_ms = due }) end
    if tonumber(job.awaits or 0) > 0 then add({ reason = 'prerequisites', jobs = prerequisites(job.after) }) end
    if #reasons > 0 then return reasons end
  end
  local queue, lane = job.queue, job.lane
  -- What the service does for the owner itself goes on.
  local suspended = not is_service(lane) and tonumber(redis.call('HGET', K.suspended, job.owner or '') or nil)
  if suspended then return { { reason = 'owner_suspended', since_ms = suspended } } end
  local since = not is_service(lane) and paused_since(queue)
  if since then add({ reason = 'paused_queue', since_ms = since }) end
  local called = string.match(lane, '^function:(.*)$')
  local had = called and redis.call('ZSCORE', K.functions .. K.arq_queue[queue], called)
  if not is_served(queue) or called and not (had and tonumber(had) > now - K.worker_ms) then
    add({ reason = 'no_worker' })
  end
  if redis.call('ZSCORE', K.suspects .. queue, id) then
    add({ reason = 'suspect' })
  else
    add_lane_reasons(reasons, queue, lane, job.owner, job.event)
  end
  if #reasons == 0 then
    add({ reason = 'turn', ahead = redis.call('ZRANK', K.backlog .. queue .. ':' .. lane, id) or 0 })
  end
  return reasons
end

local answers = {}
for n, id in ipairs(payload.ids) do answers[n] = reasons_of(id) end
return cmsgpack.pack(answers)
