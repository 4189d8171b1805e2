-- needs: lanes lapsed/lapses records timing/deadlines
-- Jobs that a claim takes from a worker: it died, or never read that it was given them.

-- The job's worker died: it waits in its lane again, or among the suspects.
local function take_back(job)
  local record = K.job .. job.id
  local delay_ms = lapse(job, tonumber(redis.call('HGET', record, 'alone')) == job.attempt)
  if not delay_ms then return end
  -- An ARQ function that is not to be tried twice must not be, whatever ended the first try.
  if job.arq then redis.call('HINCRBY', record, 'tries', 1) end
  stop_running(job)
  local state = delay_ms > 0 and 'retrying' or 'queued'
  redis.call('HSET', record, 'state', state)
  set_state(job, state)
  if delay_ms > 0 then
    redis.call('HSET', record, 'due_at', now + delay_ms)
    redis.call('ZADD', K.arq_queue[job.queue], now + delay_ms, job.id)
    note_deadline(job)
  else
    requeue(job)
  end
end

-- The worker never read that it was given this job, so nobody began it: it waits again as if this had not been.
local function take_back_unread(id, attempt)
  local job = read(id)
  if not job or job.state ~= 'running' or job.worker ~= payload.worker or job.attempt ~= attempt then return end
  stop_running(job)
  -- `unread`: its first start has been counted.
  redis.call('HSET', K.job .. id, 'state', 'queued', 'attempt', attempt - 1, 'unread', 1)
  redis.call('HDEL', K.job .. id, 'worker', 'started_at', 'alone')
  redis.call('DEL', K.arq_running .. id)
  set_state(job, 'queued')
  requeue(job)
end
