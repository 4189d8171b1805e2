-- needs: accounts/audit
-- A portal link ends. payload: id, owner. Answers whether the owner had it.
local record = K.portal_link .. payload.id
if redis.call('HGET', record, 'owner') ~= payload.owner then return cmsgpack.pack(false) end
redis.call('DEL', record)
redis.call('ZREM', K.portal_links .. payload.owner, payload.id)
write_audit({ owner = payload.owner, id = payload.id })
return cmsgpack.pack(true)
