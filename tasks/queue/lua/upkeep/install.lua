-- What this Redis knows of its installation. payload: verb, and
--   make: id (of which the installation's is made, if it has none). Answers the installation's id.
--   note: storage_of (the id of another installation, which owns the storage; nil: the storage is ours)
--   restore: snapshot (that is being restored; nil: none any more)
local verbs = {}

local function write(field, value)
  if value then redis.call('HSET', K.installation, field, value) else redis.call('HDEL', K.installation, field) end
  return true
end

function verbs.make()
  if redis.call('HSETNX', K.installation, 'id', payload.id) == 1 then
    redis.call('HSET', K.installation, 'created_at', now)
  end
  return redis.call('HGET', K.installation, 'id')
end

function verbs.note() return write('storage_of', payload.storage_of) end

function verbs.restore() return write('restoring', payload.snapshot) end

return cmsgpack.pack(verbs[payload.verb]())
