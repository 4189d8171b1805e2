-- needs: accounts/audit
-- What opens something to a browser without a key, for a time: a token with which a web page may upload ('upload'), or
-- a link to the portal of a channel ('portal'). payload: sort, id, owner, fields {name, value, …}, life_ms, most (of
-- one owner). Answers answer ('created', or 'full') and now.
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
local record, index, list_ms = K.upload_token .. payload.id, K.upload_tokens .. payload.owner, K.upload_tokens_ms
if payload.sort == 'portal' then
  record, index, list_ms = K.portal_link .. payload.id, K.portal_links .. payload.owner, K.portal_links_ms
end
if redis.call('ZCOUNT', index, '(' .. now, '+inf') >= payload.most then return cmsgpack.pack({ answer = 'full' }) end
redis.call('HSET', record, 'owner', payload.owner, 'created_at', now, 'expires_at', now + payload.life_ms,
  unpack(payload.fields))
redis.call('PEXPIREAT', record, now + payload.life_ms)
redis.call('ZREMRANGEBYSCORE', index, '-inf', now)
redis.call('ZADD', index, now + payload.life_ms, payload.id)
redis.call('PEXPIRE', index, list_ms)
write_audit({ owner = payload.owner, id = payload.id, after = { fields = names_of(payload.fields) } })
return cmsgpack.pack({ answer = 'created', now = now })
