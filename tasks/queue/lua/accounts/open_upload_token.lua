-- A request has come with an upload token. payload: id, digest, tries (requests that it may make for each use; nil:
-- this one does not count). Answers answer ('unknown', 'tired': it has made too many, or 'open') and fields {name,
-- value, …}.
local record = K.upload_token .. payload.id
if redis.call('HGET', record, 'digest') ~= payload.digest then return cmsgpack.pack({ answer = 'unknown' }) end
if payload.tries then
  local uses, tries = unpack(redis.call('HMGET', record, 'uses', 'tries'))
  if tonumber(tries or 0) >= payload.tries * tonumber(uses) then return cmsgpack.pack({ answer = 'tired' }) end
  redis.call('HINCRBY', record, 'tries', 1)
end
return cmsgpack.pack({ answer = 'open', fields = redis.call('HGETALL', record) })
