-- API keys were used lately. payload: ids. Keys that have gone meanwhile are left out.
for _, id in ipairs(payload.ids) do
  local key = K.api_key .. id
  if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'last_used_at', string.format('%.0f', now)) end
end
return cmsgpack.pack(true)
