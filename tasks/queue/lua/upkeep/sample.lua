-- Writes a sample of the counts into the rings, unless another worker has written one since this one has read the last.
-- payload: sample (the key of the last one), before (its `at` when it was read; '' if there was none), at (ms), counts
-- (packed, for the next one), rings {{key, field, value}, …}, kept_ms. Answers whether it has written.
if (redis.call('HGET', payload.sample, 'at') or '') ~= payload.before then return cmsgpack.pack(false) end
redis.call('HSET', payload.sample, 'at', payload.at, 'counts', payload.counts)
redis.call('PEXPIRE', payload.sample, payload.kept_ms)
for _, ring in ipairs(payload.rings) do
  redis.call('HSET', ring.key, ring.field, ring.value)
  redis.call('PEXPIRE', ring.key, payload.kept_ms)
end
return cmsgpack.pack(true)
