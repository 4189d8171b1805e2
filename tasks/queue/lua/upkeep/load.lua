-- needs: blobs accounts/api_keys
-- Keys of a snapshot are written back. payload: entries {{key, type ('hash' | 'zset'), values {…}}, …}, where values
-- are name, value, … of a hash, or score, member, … of a zset; and holders {{holder, blobs {sha256, …}}, …}, what needs
-- blobs. API keys that have ended, or will, get their end in Redis again.
local COMMANDS = { hash = 'HSET', zset = 'ZADD' }
for _, entry in ipairs(payload.entries) do
  redis.call(COMMANDS[entry.type], entry.key, unpack(entry.values))
  if string.sub(entry.key, 1, #K.api_key) == K.api_key then
    local key = read_key(string.sub(entry.key, #K.api_key + 1))
    local ends = tonumber(key.revoked_at or key.expires_at)
    if ends then redis.call('PEXPIREAT', entry.key, number_text(ends + K.api_key_ended_ms)) end
  end
end
for _, one in ipairs(payload.holders) do need_blobs(one.holder, one.blobs, 0) end
return cmsgpack.pack(true)
