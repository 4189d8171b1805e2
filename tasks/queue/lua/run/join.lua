-- A process of the installation shows that it lives. payload: member, at (ms), forget_ms (after which one that shows
-- nothing is forgotten).
redis.call('ZADD', K.processes, payload.at, payload.member)
redis.call('ZREMRANGEBYSCORE', K.processes, '-inf', payload.at - payload.forget_ms)
redis.call('PEXPIRE', K.processes, payload.forget_ms)
return cmsgpack.pack(true)
