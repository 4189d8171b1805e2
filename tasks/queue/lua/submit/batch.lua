-- needs: accounts/audit creation ending
-- A batch to which jobs are added one by one: it is opened, and sealed when no more will come. payload: verb, id,
-- owner, and what `create_batch` takes (open) or keep (seal). Answers 'open' | 'sealed' (it was so already, too)
-- | 'unknown'.
local id = payload.id
if payload.verb == 'open' then
  if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
  create_batch(payload, 0)
  redis.call('HSET', K.job .. id, 'open', 1)
  redis.call('ZADD', K.arq_queue.default, now + K.batch_open_ms, id)
  return cmsgpack.pack('open')
end
write_when_full()
local owner, kind = unpack(redis.call('HMGET', K.job .. id, 'owner', 'kind'))
if owner ~= payload.owner or kind ~= 'batch' then return cmsgpack.pack('unknown') end
redis.call('HDEL', K.job .. id, 'open')
redis.call('ZREM', K.arq_queue.default, id)
close_batch(id)
write_audit({ owner = owner, id = id })
return cmsgpack.pack('sealed')
