-- needs: accounts/audit
-- An upload token ends. payload: id, owner. Answers whether the owner had it.
local record = K.upload_token .. payload.id
if redis.call('HGET', record, 'owner') ~= payload.owner then return cmsgpack.pack(false) end
redis.call('DEL', record, record .. ':held')
redis.call('ZREM', K.upload_tokens .. payload.owner, payload.id)
write_audit({ owner = payload.owner, id = payload.id })
return cmsgpack.pack(true)
