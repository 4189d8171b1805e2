-- How many bytes does an owner have? payload: owner. Answers {bytes in the storage, bytes that its unfinished uploads
-- may have, bytes that it has sent and that its jobs have made on this day}. There are at most MAX_UNFINISHED_UPLOADS
-- of them. One whose time is over has no record any more.
local unfinished = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', K.unfinished .. payload.owner, '(' .. now, '+inf')) do
  unfinished = unfinished + (redis.call('HGET', K.incoming .. id, 'length') or 0)
end
local key = K.usage .. payload.owner .. ':' .. math.floor(now / K.day_ms)
local sent, made = unpack(redis.call('HMGET', key, 'in', 'out'))
local stored = tonumber(redis.call('HGET', K.stored, payload.owner) or 0)
return cmsgpack.pack({ math.max(stored, 0), unfinished, (sent or 0) + (made or 0) })
