-- needs: counters ending lanes
-- Workers that died under their jobs. payload.io_bound: kind → true of those that only wait for sockets, which cannot
-- kill a worker.

local POISON_LAPSES = 3

-- How an attempt is written down whose worker can no longer do so.
local function lapsed_attempt(job)
  return cjson.encode({ number = job.attempt, worker = job.worker, outcome = 'lapsed',
    started_at = tonumber(job.started_at), ended_at = now })
end

-- The worker died: not the job's fault, so it uses up no try; but a job that kills its workers must not go on for ever.
-- Returns after how long (ms) it may run again; nil: never, it is closed. is_alone: no other job of its queue ran in
-- that worker. An I/O-bound job is not to blame; it waits a little longer each time, so that workers that die for
-- another reason come to do something else.
local function lapse(job, is_alone)
  local times = recent_lapses(job)
  times[#times + 1] = string.format('%.0f', now)
  count('attempts', label_of(job.kind, job.job_indexes), 'lapsed')
  local fields = { 'attempt:' .. job.attempt, lapsed_attempt(job), 'lapsed_at', table.concat(times, ' ') }
  if payload.io_bound[job.kind] then
    job.lapses = 0
    redis.call('HSET', K.job .. job.id, unpack(fields))
    return #times < POISON_LAPSES and 0 or math.min(K.lease_ms * 2 ^ (#times - POISON_LAPSES), K.safety_ms)
  end
  job.lapses = #times
  fields[#fields + 1] = 'lapses'
  fields[#fields + 1] = job.lapses
  if is_alone and job.lapses >= POISON_LAPSES then
    stop_running(job)
    close_with_error(job, job.attempt, 'failed', 'poison', 'Workers died under this job ' .. job.lapses
      .. ' times, the last time while none of its queue ran beside it. It is not run again by itself. Find out in the'
      .. ' logs of the workers why they died, then retry it.', fields)
    return nil
  end
  redis.call('HSET', K.job .. job.id, unpack(fields))
  return 0
end
