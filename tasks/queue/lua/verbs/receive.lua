-- The bytes of an upload in parts. payload: verb, id, owner, and what the verb takes. Answers answer and, where the
-- upload is known, its offset: the bytes that have arrived.
local key = K.incoming .. payload.id
local owner, writer, offset, parts, token =
  unpack(redis.call('HMGET', key, 'owner', 'writer', 'offset', 'parts', 'token'))
offset, parts = tonumber(offset), tonumber(parts)
local verbs = {}

-- A request wants to add bytes at payload.offset, and is known by payload.writer. It has the upload until another
-- request begins: that one is newer, for the client of the older has likely lost its connection.
function verbs.begin()
  if offset ~= payload.offset then return 'conflict' end
  if parts >= payload.most then return 'too_many' end
  redis.call('HSET', key, 'writer', payload.writer)
  return 'begun'
end

-- The request has stored payload.bytes bytes in some parts: {offset, name, …}.
function verbs.commit()
  if writer ~= payload.writer or offset ~= payload.offset then return 'conflict' end
  for number = 1, #payload.parts, 2 do
    redis.call('HSET', key, 'part:' .. string.format('%.0f', payload.parts[number]), payload.parts[number + 1])
  end
  redis.call('HINCRBY', key, 'parts', #payload.parts / 2)
  offset = redis.call('HINCRBY', key, 'offset', payload.bytes)
  return 'kept'
end

-- All bytes have arrived: they are kept until the job that checks them has run.
function verbs.complete()
  local until_ms = now + K.incoming_kept_ms
  if redis.call('PTTL', key) < K.incoming_kept_ms then
    redis.call('PEXPIREAT', key, until_ms)
    redis.call('ZADD', K.incoming_ids, 'XX', until_ms, payload.id)
    redis.call('ZADD', K.unfinished .. owner, 'XX', until_ms, payload.id)
    if token then redis.call('ZADD', K.upload_token .. token .. ':held', 'XX', until_ms, payload.id) end
  end
  return 'kept'
end

-- What a request writes that has begun already is removed too.
local function remove_objects()
  redis.call('ZREM', K.unfinished .. owner, payload.id)
  redis.call('ZADD', K.incoming_ids, 'XX', now + K.incoming_late_ms, payload.id)
end

-- The upload is stored under its hash.
function verbs.store()
  redis.call('HSET', key, 'stored', '1')
  remove_objects()
  return 'kept'
end

-- Its owner deletes it, or it is refused. The use that it held is free.
function verbs.drop()
  redis.call('DEL', key)
  if token then redis.call('ZREM', K.upload_token .. token .. ':held', payload.id) end
  remove_objects()
  return 'kept'
end

if not owner or owner ~= payload.owner then return cmsgpack.pack({ answer = 'unknown' }) end
local answer = verbs[payload.verb]()
return cmsgpack.pack({ answer = answer, offset = offset })
