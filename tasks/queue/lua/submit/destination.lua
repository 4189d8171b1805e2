-- needs: accounts/audit
-- A destination of an owner is written, or without `fields` deleted. payload: owner, name, and to write it: fields
-- (JSON), audited (what the audit log may have of them), most (destinations of one owner).
-- Answers answer ('created', 'changed' or 'full', and changed_at; 'deleted' or 'unknown').
local key = K.destinations .. payload.owner
if not payload.fields then
  if redis.call('HDEL', key, payload.name) == 0 then return cmsgpack.pack({ answer = 'unknown' }) end
  write_audit({ owner = payload.owner, id = payload.name })
  return cmsgpack.pack({ answer = 'deleted' })
end
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
local known = redis.call('HEXISTS', key, payload.name) == 1
if not known and redis.call('HLEN', key) >= payload.most then return cmsgpack.pack({ answer = 'full' }) end
local stamped = string.sub(payload.fields, 1, -2) .. ',"changed_at":' .. string.format('%.0f', now) .. '}'
redis.call('HSET', key, payload.name, stamped)
write_audit({ owner = payload.owner, id = payload.name, after = payload.audited })
return cmsgpack.pack({ answer = known and 'changed' or 'created', changed_at = now })
