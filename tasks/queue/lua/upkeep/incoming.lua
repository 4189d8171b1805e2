-- The objects of incoming uploads were removed from the storage. payload: ids. One whose time was prolonged meanwhile
-- stays in the index.
for _, id in ipairs(payload.ids) do
  local until_ms = redis.call('ZSCORE', K.incoming_ids, id)
  if until_ms and tonumber(until_ms) <= now then redis.call('ZREM', K.incoming_ids, id) end
end
return cmsgpack.pack(true)
