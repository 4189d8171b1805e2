-- needs: accounts/audit accounts/tokens
-- Makes an upload token or a portal link. payload: sort, id, owner, fields {name, value, …}, life_ms, most (of one
-- owner). Answers answer ('created', or 'full') and now.
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
local record, index, list_ms = token_keys(payload.sort, payload.id, payload.owner)
if redis.call('ZCOUNT', index, '(' .. now, '+inf') >= payload.most then return cmsgpack.pack({ answer = 'full' }) end
redis.call('HSET', record, 'owner', payload.owner, 'created_at', now, 'expires_at', now + payload.life_ms,
  unpack(payload.fields))
redis.call('PEXPIREAT', record, now + payload.life_ms)
redis.call('ZREMRANGEBYSCORE', index, '-inf', now)
redis.call('ZADD', index, now + payload.life_ms, payload.id)
redis.call('PEXPIRE', index, list_ms)
write_audit({ owner = payload.owner, id = payload.id, after = { fields = names_of(payload.fields) } })
return cmsgpack.pack({ answer = 'created', now = now })
