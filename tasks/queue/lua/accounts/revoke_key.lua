-- needs: accounts/audit accounts/api_keys
-- An API key opens nothing any more. payload: id, owner (whose it must be; nil: anyone's). Answers answer: 'revoked',
-- 'already' or 'unknown'.
local key = read_key(payload.id)
if not key or (payload.owner and key.owner ~= payload.owner) then return cmsgpack.pack({ answer = 'unknown' }) end
if key.revoked_at then return cmsgpack.pack({ answer = 'already' }) end
redis.call('HSET', K.api_key .. payload.id, 'revoked_at', number_text(now))
redis.call('PEXPIRE', K.api_key .. payload.id, K.api_key_ended_ms)
announce_key(payload.id)
write_audit({
  owner = key.owner, id = payload.id, before = { expires_at = key.expires_at }, after = { revoked_at = now },
})
return cmsgpack.pack({ answer = 'revoked' })
