-- A worker renews all its leases. payload: worker, leases {{id, queue, attempt}, …}.
-- Answers the ids of jobs that are no longer its own.
-- A lease that lapsed (Redis was away) but whose job was not claimed by another worker is taken up again.
local lost = {}
for _, lease in ipairs(payload.leases) do
  local state, worker, attempt = unpack(redis.call('HMGET', K.job .. lease.id, 'state', 'worker', 'attempt'))
  if state == 'running' and worker == payload.worker and tonumber(attempt) == lease.attempt then
    redis.call('ZADD', K.arq_queue[lease.queue], now + K.lease_ms, lease.id)
    redis.call('SET', K.arq_running .. lease.id, payload.worker, 'PX', K.lease_ms)
  else
    lost[#lost + 1] = lease.id
  end
end
return cmsgpack.pack(lost)
