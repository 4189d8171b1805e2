-- needs: accounts/audit accounts/api_keys
-- An API key is made; with `replaces` it takes the place of another one of the owner, which ends a little later.
-- payload: id, digest, owner, made_by, most (keys of the owner), by (id of the key that asks, if it is one of Redis),
--   not_after (ms: no key may live longer; nil), life_ms (nil: for ever), and
--   name, scopes ('a,b'), read_only (0 or 1); or replaces (id) and grace_ms (how long that one lives on).
-- Answers answer: 'created', or 'exists', 'asker_ended', 'full', 'too_long', 'unknown', 'ended', 'two_live'; old_ends.
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
local key, owned = K.api_key .. payload.id, K.api_keys .. ':' .. payload.owner
local function answer(text) return cmsgpack.pack({ answer = text }) end

if payload.by and not is_live(payload.by) then return answer('asker_ended') end
if redis.call('EXISTS', key) == 1 then return answer('exists') end
if redis.call('ZCARD', owned) >= payload.most then
  drop_gone_keys(owned)
  if redis.call('ZCARD', owned) >= payload.most then return answer('full') end
end

local made = { name = payload.name, scopes = payload.scopes, read_only = payload.read_only }
local life_ms, old, old_ends = payload.life_ms, nil, nil
if payload.replaces then
  old = read_key(payload.replaces)
  if not old or old.owner ~= payload.owner then return answer('unknown') end
  if not is_live(payload.replaces) then return answer('ended') end
  if is_live(old.replaces) or is_live(old.replaced_by) then return answer('two_live') end
  made = { name = old.name, scopes = old.scopes, read_only = old.read_only }
  life_ms = life_ms or (old.life_ms and tonumber(old.life_ms))
end
local expires_at = life_ms and now + life_ms or payload.not_after
if payload.not_after and expires_at > payload.not_after then
  if payload.life_ms then return answer('too_long') end
  expires_at = payload.not_after
end

local fields = {
  'digest', payload.digest, 'owner', payload.owner, 'made_by', payload.made_by, 'created_at', number_text(now),
  'name', made.name, 'scopes', made.scopes, 'read_only', made.read_only,
}
local function add(name, value)
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
if expires_at then add('expires_at', number_text(expires_at)) end
if life_ms then add('life_ms', number_text(life_ms)) end
if old then add('replaces', payload.replaces) end
redis.call('HSET', key, unpack(fields))
if expires_at then redis.call('PEXPIREAT', key, number_text(expires_at + K.api_key_ended_ms)) end
redis.call('ZADD', owned, now, payload.id)
redis.call('ZADD', K.api_keys, now, payload.id)

if old then
  old_ends = math.min(now + payload.grace_ms, tonumber(old.expires_at) or math.huge)
  local old_key = K.api_key .. payload.replaces
  redis.call('HSET', old_key, 'expires_at', number_text(old_ends), 'replaced_by', payload.id)
  redis.call('PEXPIREAT', old_key, number_text(old_ends + K.api_key_ended_ms))
  announce_key(payload.replaces)
end
announce_key(payload.id)
write_audit({
  owner = payload.owner, id = payload.id, before = old and { id = payload.replaces, expires_at = old.expires_at },
  after = {
    name = made.name, scopes = made.scopes, read_only = made.read_only, expires_at = expires_at, old_ends = old_ends,
  },
})
return cmsgpack.pack({ answer = 'created', old_ends = old_ends })
