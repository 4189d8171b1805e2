-- needs: blobs counters
-- seldom: owners/upload_tokens
-- An upload is written, and needs its blob from now on. payload: id, owner, blob, bytes, sent (whether the bytes came
-- with a request), fields {name, value, …}, expires_at, upload_token (the id of the token that it comes with) or nil,
-- seen (of `find_swept`) or nil, incoming (whether it was an incoming upload, which may be deleted by now) or nil.
-- Answers answer: 'kept', 'gone' (it is deleted), 'token_gone' or 'token_used' (`find_token_over`), or 'swept' (blob,
-- mark, left_ms: look whether it is there, and repeat this).
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
if payload.incoming and redis.call('EXISTS', K.incoming .. payload.id) == 0 then
  return cmsgpack.pack({ answer = 'gone' })
end
if payload.upload_token then
  load_seldom()
  local over = find_token_over(payload.upload_token, payload.id)
  if over then return cmsgpack.pack(over) end
end
local upload = K.upload .. payload.id
local swept = find_swept({ payload.blob }, payload.seen or {}, 0)
if swept then return cmsgpack.pack(swept) end
if payload.upload_token then use_token(payload.upload_token, payload.id) end
redis.call('HSET', upload, unpack(payload.fields))
if payload.upload_token then redis.call('HSET', upload, 'use_of', payload.upload_token) end
redis.call('PEXPIREAT', upload, payload.expires_at)
local added = need_blobs('upload:' .. payload.id, { payload.blob }, payload.expires_at - now,
  { [payload.blob] = payload.bytes })
add_usage(payload.owner, 'stored', added)
if payload.sent then add_usage(payload.owner, 'in', payload.bytes) end
return cmsgpack.pack({ answer = 'kept' })
