-- needs: blobs
-- Keys of a snapshot are written back. payload: entries {{key, type ('hash' | 'zset'), values {…}}, …}, where values
-- are name, value, … of a hash, or score, member, … of a zset; and holders {{holder, blobs {sha256, …}}, …}, what needs
-- blobs.
local COMMANDS = { hash = 'HSET', zset = 'ZADD' }
for _, entry in ipairs(payload.entries) do
  redis.call(COMMANDS[entry.type], entry.key, unpack(entry.values))
end
for _, one in ipairs(payload.holders) do need_blobs(one.holder, one.blobs, 0) end
return cmsgpack.pack(true)
