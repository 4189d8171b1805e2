-- needs: queues/made queues/making
-- A worker says how many jobs of each queue it runs at once. Each queue's hash has the sum over the workers that are
-- alive: from it follows an owner's share. payload: worker, slots {queue → number}, named {queue, …} (that it makes, by
-- serving them by name; of an ARQ application its own), max_queues (how many may be made), and owner (who makes them).
-- Answers queues {{name, concurrency, rank}, …} (all but those of applications; the last two where they are set) and
-- refused {queue, …} (of those named, which are too many).
local refused, queues = {}, {}
for _, queue in ipairs(payload.named or {}) do
  if find_queue_refusal(queue, payload.owner, payload.max_queues) then
    refused[#refused + 1] = queue
  else
    make_queue(queue, payload.owner)
  end
end
-- One that was deleted since this worker learned which there are is left as it is: nobody would remove what is written.
for queue in pairs(payload.slots) do
  if can_be_made(queue) and not redis.call('ZSCORE', K.queues, queue) then payload.slots[queue] = nil end
end
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
end
for n, queue in ipairs(payload.named and all_queues() or {}) do
  local concurrency, rank = unpack(redis.call('HMGET', K.queue .. queue, 'concurrency', 'rank'))
  queues[n] = { name = queue, concurrency = tonumber(concurrency or nil), rank = rank or nil }
end
return cmsgpack.pack({ queues = queues, refused = refused })
