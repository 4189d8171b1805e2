-- needs: accounts/audit
-- A token with which a web page may upload. payload: id, owner, fields {name, value, …}, life_ms, most (tokens of one
-- owner). Answers answer ('created', or 'full') and now.
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
local record, index = K.upload_token .. payload.id, K.upload_tokens .. payload.owner
if redis.call('ZCOUNT', index, '(' .. now, '+inf') >= payload.most then return cmsgpack.pack({ answer = 'full' }) end
redis.call('HSET', record, 'owner', payload.owner, 'created_at', now, 'expires_at', now + payload.life_ms,
  unpack(payload.fields))
redis.call('PEXPIREAT', record, now + payload.life_ms)
redis.call('ZREMRANGEBYSCORE', index, '-inf', now)
redis.call('ZADD', index, now + payload.life_ms, payload.id)
redis.call('PEXPIRE', index, K.upload_tokens_ms)
write_audit({ owner = payload.owner, id = payload.id, after = { fields = names_of(payload.fields) } })
return cmsgpack.pack({ answer = 'created', now = now })
