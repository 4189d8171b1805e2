-- needs: accounts/audit accounts/tokens
-- An upload token or a portal link ends. payload: sort, id, owner. Answers whether the owner had it.
local record, index = token_keys(payload.sort, payload.id, payload.owner)
if redis.call('HGET', record, 'owner') ~= payload.owner then return cmsgpack.pack(false) end
redis.call('DEL', record, record .. ':held') -- a link holds none
redis.call('ZREM', index, payload.id)
write_audit({ owner = payload.owner, id = payload.id })
return cmsgpack.pack(true)
