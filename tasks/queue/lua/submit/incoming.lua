-- needs: owners/upload_tokens
-- An upload begins whose bytes come later. payload: id, owner, fields {name, value, …}, expires_at, most (how many of
-- the owner may be unfinished), and upload_token (the id of the token that it comes with) or nil, with length and about
-- (its Upload-Metadata, or nil). With that, or where the token has no uses left, it takes the place of one that is the
-- same and of which no byte was sent. Answers answer: 'begun', 'too_many', 'token_gone' or 'token_used'
-- (`find_token_over`).
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
local unfinished = K.unfinished .. payload.owner
redis.call('ZREMRANGEBYSCORE', unfinished, '-inf', now)

local over = payload.upload_token and find_token_over(payload.upload_token)
-- Before the token's last use, too: else the lost one keeps a use that another file of the page needs.
local is_named = payload.upload_token and #(payload.about or '') > 0
local not_begun = (over and over.answer == 'token_used' or is_named and not over)
  and find_not_begun(payload.upload_token, payload.length, payload.about)
if not_begun then
  redis.call('DEL', K.incoming .. not_begun)
  redis.call('ZREM', K.upload_token .. payload.upload_token .. ':held', not_begun)
  redis.call('ZREM', unfinished, not_begun)
  over = find_token_over(payload.upload_token)
end
if over then return cmsgpack.pack(over) end
if redis.call('ZCARD', unfinished) >= payload.most then return cmsgpack.pack({ answer = 'too_many' }) end

local function index(key, until_ms)
  redis.call('ZADD', key, payload.expires_at, payload.id)
  if redis.call('PTTL', key) < until_ms - now then redis.call('PEXPIREAT', key, until_ms) end
end

redis.call('HSET', K.incoming .. payload.id, unpack(payload.fields))
redis.call('PEXPIREAT', K.incoming .. payload.id, payload.expires_at)
index(unfinished, payload.expires_at + K.incoming_kept_ms)
index(K.incoming_ids, payload.expires_at + 2 * K.incoming_kept_ms)
if payload.upload_token then hold_use(payload.upload_token, payload.id, payload.expires_at) end
return cmsgpack.pack({ answer = 'begun' })
