-- needs: accounts/audit bulk counters ending indexes lanes records
-- Somebody cancels jobs. One that waits never starts; for one that runs, its worker is told by ARQ's own sign
-- (`arq:abort`). payload: ids, keep, by (`for_each`). Answers for each 'unknown' | 'cancelled' | 'running' | the state
-- in which it had ended | 'batch': it takes no more jobs, and the caller cancels those that it has.
local function cancel(id)
  local job = read(id)
  if not job then return 'unknown' end
  if LIVE[job.state] then write_audit({ owner = job.owner, id = id, before = { state = job.state } }) end
  if job.kind == 'batch' and job.state == 'running' then
    redis.call('HDEL', K.job .. id, 'open')
    redis.call('HSET', K.job .. id, 'cancelling', 1)
    redis.call('ZREM', K.arq_queue[job.queue], id)
    close_batch(id)
    return 'batch'
  elseif job.state == 'running' then
    redis.call('ZADD', K.arq_abort, 'NX', now, id)
    return 'running'
  elseif LIVE[job.state] then
    leave_lane(job)
    close_cancelled(job, 'Cancelled while it waited.')
    for _, index in ipairs(indexes_of(job.job_indexes, 'cancelled')) do forget_oldest(index, 1) end
    return 'cancelled'
  end
  redis.call('ZREM', K.arq_abort, id)
  return job.state
end
return for_each(cancel)
