-- needs: accounts/audit blobs
-- A holder needs its blobs no more; if it is an upload, that is deleted.
-- payload: holder, blobs {sha256, …}, owner (whose they are) or nil, upload (its id) or nil.
if payload.upload then
  write_audit({ owner = redis.call('HGET', K.upload .. payload.upload, 'owner'), id = payload.upload })
  redis.call('DEL', K.upload .. payload.upload)
end
give_up_blobs(payload.holder, payload.blobs, payload.owner)
return cmsgpack.pack(true)
