-- A worker renews all its leases. payload: worker, leases {{id, queue, attempt}, …}, unread_claim (the number of a
-- claim whose answer it has not read yet, or nil: if Redis has run it, its jobs are this worker's already).
-- Answers now, and lost {{id, attempt}, …}, the leases that are no longer its own.
-- A lease that lapsed (Redis was away) but whose job was not claimed by another worker is taken up again.
local lost = {}

local function renew(id, queue, attempt)
  local state, worker, current, its_queue =
    unpack(redis.call('HMGET', K.job .. id, 'state', 'worker', 'attempt', 'queue'))
  if state ~= 'running' or worker ~= payload.worker or tonumber(current) ~= attempt then return false end
  redis.call('ZADD', K.arq_queue[queue or its_queue], now + K.lease_ms, id)
  redis.call('SET', K.arq_running .. id, worker, 'PX', K.lease_ms)
  return true
end

for _, lease in ipairs(payload.leases) do
  if not renew(lease.id, lease.queue, lease.attempt) then lost[#lost + 1] = { lease.id, lease.attempt } end
end
local claimed = payload.unread_claim and redis.call('GET', K.claimed .. payload.worker)
if claimed then
  local number, start_of_jobs = string.match(claimed, '^(%d+) ()')
  if tonumber(number) == payload.unread_claim then
    local jobs = cmsgpack.unpack(string.sub(claimed, start_of_jobs))
    for n = 1, #jobs, 2 do renew(jobs[n], nil, jobs[n + 1]) end
  end
end
return cmsgpack.pack({ now = now, lost = lost })
