-- needs: bulk ending indexes lanes records
-- Somebody cancels a job. One that waits never starts; for one that runs, its worker is told by ARQ's own sign (`arq:abort`).
-- payload: ids, keep, by (`for_each`). Answers for each 'unknown' | 'cancelled' | 'running' | the state in which it had ended.
-- A batch takes no more jobs; those it has, whoever cancels it cancels too ('batch').
local function cancel(id)
  local job = read(id)
  if not job then return 'unknown' end
  local state = job.state
  if job.kind == 'batch' and state == 'running' then
    redis.call('HDEL', K.job .. id, 'open')
    redis.call('HSET', K.job .. id, 'cancelling', 1)
    redis.call('ZREM', K.arq_queue[job.queue], id)
    close_batch(id, payload.keep)
    return 'batch'
  elseif state == 'running' then
    redis.call('ZADD', K.arq_abort, 'NX', now, id)
  elseif state == 'queued' or state == 'scheduled' or state == 'retrying' then
    leave_lane(id, job.queue, job.lane)
    close_cancelled(id, job, 'Cancelled while it waited.', payload.keep)
    state = 'cancelled'
    for _, index in ipairs(indexes_of(job.shelves, 'cancelled')) do forget_oldest(index, 1) end
  else
    redis.call('ZREM', K.arq_abort, id)
  end
  return state
end
return for_each(cancel)
