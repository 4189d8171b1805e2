-- A worker renews all its leases. payload: worker, leases {{id, queue, attempt}, …}. Answers the ids that are no longer its own.
-- A lease that lapsed (Redis was away) but was not claimed by another is taken up again.
local lost = {}
for _, lease in ipairs(payload.leases) do
  local id, queue, attempt = lease[1], lease[2], lease[3]
  local r = redis.call('HMGET', K.job .. id, 'state', 'worker', 'attempt')
  if r[1] == 'running' and r[2] == payload.worker and tonumber(r[3]) == attempt then
    redis.call('ZADD', K.arq_queue[queue], now + K.lease_ms, id)
    redis.call('SET', K.arq_running .. id, payload.worker, 'PX', K.lease_ms)
  else
    lost[#lost + 1] = id
  end
end
return cmsgpack.pack(lost)
