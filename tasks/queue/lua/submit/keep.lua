-- needs: blobs
-- An upload is written down, and needs its blob from now on. payload: id, blob, fields {name, value, …}, expires_at, seen (of `swept`) or nil.
-- Answers {'kept'}, or {'swept', …}: look whether the blob is there, and say it again.
local upload = K.upload .. payload.id
local again = swept({ payload.blob }, payload.seen or {}, 0)
if again then return cmsgpack.pack(again) end
redis.call('HSET', upload, unpack(payload.fields))
redis.call('PEXPIREAT', upload, payload.expires_at)
need_blobs('upload:' .. payload.id, { payload.blob }, payload.expires_at - now)
return cmsgpack.pack({ 'kept' })
