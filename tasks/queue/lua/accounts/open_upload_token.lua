-- A request has come with an upload token, which ends with the key that made it. payload: id, digest, tries (requests
-- that it may make for each use; nil: this one does not count). Answers answer ('unknown', 'tired': it has made too
-- many, or 'open') and fields {name, value, …}.
local record = K.upload_token .. payload.id
if redis.call('HGET', record, 'digest') ~= payload.digest then return cmsgpack.pack({ answer = 'unknown' }) end
local key = redis.call('HGET', record, 'key')
if key then
  local of_key = redis.call('HMGET', K.api_key .. key, 'digest', 'revoked_at', 'expires_at')
  local digest, revoked_at, expires_at = unpack(of_key)
  local is_over = revoked_at and revoked_at ~= '' or (tonumber(expires_at or '') or now + 1) <= now
  if not digest or is_over then return cmsgpack.pack({ answer = 'unknown' }) end
end
if payload.tries then
  local uses, tries = unpack(redis.call('HMGET', record, 'uses', 'tries'))
  if tonumber(tries or 0) >= payload.tries * tonumber(uses) then return cmsgpack.pack({ answer = 'tired' }) end
  redis.call('HINCRBY', record, 'tries', 1)
end
return cmsgpack.pack({ answer = 'open', fields = redis.call('HGETALL', record) })
