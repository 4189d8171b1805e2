-- needs: changes
-- How far a running job is. payload: id, worker, attempt, progress (JSON). Answers whether it is still this worker's job.
local record = K.job .. payload.id
local r = redis.call('HMGET', record, 'state', 'worker', 'attempt')
local mine = r[1] == 'running' and r[2] == payload.worker and tonumber(r[3]) == payload.attempt
if mine then
  redis.call('HSET', record, 'progress', payload.progress)
  tell(payload.id, 'progress')
end
return cmsgpack.pack(mine)
