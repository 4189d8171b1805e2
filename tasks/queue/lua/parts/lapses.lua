-- needs: counters ending lanes
-- The story of an attempt whose worker can no longer tell it.
local function lapsed_attempt(number, worker, started_at)
  return cjson.encode({ number = number, worker = worker, outcome = 'lapsed', started_at = tonumber(started_at), ended_at = now })
end

local function close_poison(id, job, attempt, keep, fields)
  local message = 'Workers died under this job three times, the last time while it ran alone; it will not be run again.'
  close_with_error(id, job, attempt, 'failed', 'poison', message, keep, fields)
end

-- The worker died: not the job's fault, so it uses up no try; but a job that kills its workers must not go on for ever.
-- Answers whether it may run again; if not, it is closed.
local function lapse(id, job, keep)
  job.lapses = job.lapses + 1
  count('attempts', label(job.kind), 'lapsed')
  local attempt = { 'attempt:' .. job.attempt, lapsed_attempt(job.attempt, job.worker, job.started_at), 'lapses', job.lapses }
  if job.lapses >= POISON_LAPSES then
    leave_running(job.queue, job.lane, 1, job.owner)
    close_poison(id, job, job.attempt, keep, attempt)
    return false
  end
  redis.call('HSET', K.job .. id, unpack(attempt))
  return true
end
