-- needs: changes
-- How far a running job is. payload: id, worker, attempt, progress (JSON). Answers whether the job is still this
-- worker's.
local record = K.job .. payload.id
local state, worker, attempt, owner, kind = unpack(redis.call('HMGET', record, 'state', 'worker', 'attempt', 'owner',
  'kind'))
local current = state == 'running' and worker == payload.worker and tonumber(attempt) == payload.attempt
if current then
  redis.call('HSET', record, 'progress', payload.progress)
  tell(payload.id, 'progress', owner, kind)
end
return cmsgpack.pack(current)
