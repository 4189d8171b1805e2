-- A preset of an owner is written. Its version is the next number of the owner's, so that none is used twice.
-- payload: owner, name, variants (JSON), most (presets of one owner).
-- Answers answer ('created', 'changed', 'same': these variants already, or 'full'), version and changed_at.
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
local key, COUNTER = K.presets .. payload.owner, '#'
local known = redis.call('HGET', key, payload.name)
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
return cmsgpack.pack({ answer = known and 'changed' or 'created', version = version, changed_at = now })
