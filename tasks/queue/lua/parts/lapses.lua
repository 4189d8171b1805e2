-- needs: counters ending lanes
-- Workers that died under their jobs.

-- How an attempt is written down whose worker can no longer do so.
local function lapsed_attempt(job)
  return cjson.encode({ number = job.attempt, worker = job.worker, outcome = 'lapsed',
    started_at = tonumber(job.started_at), ended_at = now })
end

-- The worker died: not the job's fault, so it uses up no try; but a job that kills its workers must not go on for ever.
-- Returns whether it may run again; if not, it is closed.
local function lapse(job)
  job.lapses = job.lapses + 1
  count('attempts', label(job.kind), 'lapsed')
  local fields = { 'attempt:' .. job.attempt, lapsed_attempt(job), 'lapses', job.lapses }
  if job.lapses >= POISON_LAPSES then
    leave_running(job.queue, job.lane, job.owner, 1)
    close_with_error(job, job.attempt, 'failed', 'poison',
      'Workers died under this job three times, the last time while it ran alone; it will not be run again.', fields)
    return false
  end
  redis.call('HSET', K.job .. job.id, unpack(fields))
  return true
end
