-- needs: accounts/audit blobs changes counters lanes owners/waiting records timing/timers
-- Somebody changes a job that waits. payload: id, and what changes: delay_ms or run_at (ms), priority, and deadline or
-- start_within_ms (ms) or no_deadline (true); owner_limits (as of a submit).
-- Answers answer: 'changed', 'unknown', 'too_early' (its deadline would not be after its time, and after now), the
-- state of a job that does not wait, 'kind' (and the kind, whose jobs are never changed), or as `find_excess`.
local function refuse(answer) return cmsgpack.pack({ answer = answer }) end

local job = read(payload.id)
if not job then return refuse('unknown') end
if job.kind == 'batch' or job.kind == 'delivery' then return cmsgpack.pack({ answer = 'kind', kind = job.kind }) end
if job.state == 'running' or not LIVE[job.state] then return refuse(job.state) end

local record = K.job .. job.id
local due_at, priority, blobs = unpack(redis.call('HMGET', record, 'due_at', 'priority', 'blobs'))
local delay_ms = payload.run_at and math.max(payload.run_at - now, 0) or payload.delay_ms
-- One whose turn it is keeps its place.
if job.state == 'queued' and delay_ms == 0 then delay_ms = nil end
local due = delay_ms and now + delay_ms or tonumber(due_at)
local sets_deadline = payload.deadline or payload.start_within_ms
local deadline = payload.deadline or payload.start_within_ms and now + payload.start_within_ms
  or not payload.no_deadline and tonumber(job.deadline or nil) or nil
if deadline and (delay_ms or sets_deadline) and deadline <= math.max(due, now) then return refuse('too_early') end

local limits = payload.owner_limits
if limits and job.state == 'queued' and delay_ms then
  local later = count_in(limits.job_indexes, 'scheduled')
  if later + 1 > limits.scheduled then
    return cmsgpack.pack({ answer = 'owner_full', what = 'scheduled', waiting = later, limit = limits.scheduled })
  end
end

local was = job.state
local before = { state = was, priority = priority, due_at = tonumber(due_at), deadline = tonumber(job.deadline or nil) }
local place = delay_ms and due * 1000 + clock[2] % 1000 or tonumber(job.score) % RANK
priority = payload.priority or priority
job.score = backlog_score(priority, place)
redis.call('HSET', record, 'priority', priority, 'due_at', due, 'score', job.score)

local function move_to(state)
  redis.call('HSET', record, 'state', state)
  set_state(job, state)
  job.state = state
end

-- What it needs is there when it runs, as if it had been submitted so.
local function keep_needed()
  for blob in string.gmatch(blobs or '', '%x+') do need_blobs(job.id, { blob }, delay_ms) end
  if not job.arq then redis.call('PEXPIRE', K.arq_job .. job.id, delay_ms + K.arq_job_ms) end
end

if not delay_ms then
  redis.call('ZADD', K.backlog .. job.queue .. ':' .. job.lane, 'XX', job.score, job.id)
else
  keep_needed()
  if was == 'queued' then
    leave_lane(job)
    move_to('scheduled')
  elseif delay_ms == 0 and job.awaits == 0 then
    move_to('queued')
    requeue(job)
  end
end
if sets_deadline or payload.no_deadline then
  change_deadline(job, deadline)
elseif delay_ms and job.state ~= 'queued' then
  reset_timer(job)
end
if job.state == was then tell(job.id, job.state, job.owner, job.kind) end
write_audit({ owner = job.owner, id = job.id, before = before,
  after = { state = job.state, priority = priority, due_at = due, deadline = deadline } })
return cmsgpack.pack({ answer = 'changed' })
