-- Somebody listens to an owner's events for a while. payload: owner. Answers the time (ms).
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
redis.call('SET', K.listening .. payload.owner, 1, 'PX', K.listening_ms)
return cmsgpack.pack(now)
