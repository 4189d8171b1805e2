-- A worker says how many jobs of each queue it runs at once. Each queue's hash has the sum over the workers that are
-- alive: from it follows an owner's share. payload: worker, slots {queue → number}. Answers the sums.
local sums = {}
for queue, slots in pairs(payload.slots) do
  local key, sum = K.slots .. queue, 0
  redis.call('HSET', key, payload.worker, slots)
  local told = redis.call('HGETALL', key)
  for n = 1, #told, 2 do
    local worker, beat = told[n], redis.call('ZSCORE', K.workers, told[n])
    if worker == payload.worker or beat and tonumber(beat) > now - K.worker_ms then
      sum = sum + tonumber(told[n + 1])
    else
      redis.call('HDEL', key, worker)
    end
  end
  redis.call('PEXPIRE', key, K.worker_record_ms)
  redis.call('HSET', K.queue .. queue, 'slots', sum)
  sums[queue] = sum
end
return cmsgpack.pack(sums)
