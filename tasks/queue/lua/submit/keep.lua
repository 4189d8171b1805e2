-- needs: blobs
-- An upload is written, and needs its blob from now on. payload: id, blob, fields {name, value, …}, expires_at, seen
-- (of `find_swept`) or nil. Answers answer: 'kept', or 'swept' (blob, mark, left_ms: look whether it is there,
-- and repeat this).
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
local upload = K.upload .. payload.id
local swept = find_swept({ payload.blob }, payload.seen or {}, 0)
if swept then return cmsgpack.pack(swept) end
redis.call('HSET', upload, unpack(payload.fields))
redis.call('PEXPIREAT', upload, payload.expires_at)
need_blobs('upload:' .. payload.id, { payload.blob }, payload.expires_at - now)
return cmsgpack.pack({ answer = 'kept' })
