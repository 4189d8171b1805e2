-- Packed records become as they were, since something is to be done with their jobs.
-- payload: records {{id, first (their first piece), pieces {name, …}, fields {name, value, …}}, …}. Answers how many.
local restored = 0
for _, one in ipairs(payload.records) do
  local key = K.job .. one.id
  if redis.call('HGET', key, '0') == one.first then
    redis.call('HDEL', key, unpack(one.pieces))
    redis.call('HSET', key, unpack(one.fields))
    restored = restored + 1
  end
end
return cmsgpack.pack(restored)
