-- A worker shows that it lives. payload: worker, at (ms), record (JSON), record_ms (for which it stays without another
-- beat), checks {key, …} (that `arq --check` reads), check_ms.
redis.call('SET', K.worker .. payload.worker, payload.record, 'PX', payload.record_ms)
redis.call('ZADD', K.workers, payload.at, payload.worker)
redis.call('ZREMRANGEBYSCORE', K.workers, '-inf', payload.at - payload.record_ms)
for _, key in ipairs(payload.checks) do redis.call('SET', key, payload.record, 'PX', payload.check_ms) end
return cmsgpack.pack(true)
