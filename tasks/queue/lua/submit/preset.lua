-- needs: accounts/audit
-- A preset of an owner is written, or deleted (no variants). Its version is the next number of the owner's, so that
-- none is used twice.
-- payload: owner, name, variants (JSON) or nil, most (presets of one owner).
-- Answers answer ('created', 'changed', 'same': these variants already, 'full', 'deleted' or 'unknown'), version and
-- changed_at.
local key, COUNTER = K.presets .. payload.owner, '#'
local known = redis.call('HGET', key, payload.name)
if not payload.variants then
  write_when_full()
  local answer = redis.call('HDEL', key, payload.name) == 1 and 'deleted' or 'unknown'
  if known then write_audit({ owner = payload.owner, id = payload.name }) end
  return cmsgpack.pack({ answer = answer })
end
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
if known then
  local version, changed_at, variants = string.match(known, '^(%d+) (%d+) (.*)$')
  if variants == payload.variants then
    return cmsgpack.pack({ answer = 'same', version = tonumber(version), changed_at = tonumber(changed_at) })
  end
elseif redis.call('HLEN', key) - redis.call('HEXISTS', key, COUNTER) >= payload.most then
  return cmsgpack.pack({ answer = 'full' })
end
local version = redis.call('HINCRBY', key, COUNTER, 1)
redis.call('HSET', key, payload.name, string.format('%d %.0f %s', version, now, payload.variants))
write_audit({ owner = payload.owner, id = payload.name, after = { version = version } })
return cmsgpack.pack({ answer = known and 'changed' or 'created', version = version, changed_at = now })
