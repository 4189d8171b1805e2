-- needs: blobs
-- Whose blobs are these? payload: blobs {sha256, …}. Answers for each the owners of what needs it, of the first
-- HOLDERS that do.
local HOLDERS = 200
local PLACES = { upload = K.upload, schedule = K.schedule }

local function holder_owner(holder)
  local kind, name = string.match(holder, '^(%l+):(.*)$')
  if kind == 'kept' then
    local kept = kept_holder(name)
    return kept.expires_at + K.linger_ms > now and kept.owner
  end
  if kind then return PLACES[kind] and redis.call('HGET', PLACES[kind] .. name, 'owner') end
  local owner, expires_at = unpack(redis.call('HMGET', K.job .. holder, 'owner', 'expires_at'))
  return (not expires_at or tonumber(expires_at) + K.linger_ms > now) and owner
end

local answers = {}
for n, blob in ipairs(payload.blobs) do
  local owners, known = {}, {}
  for _, holder in ipairs(redis.call('SSCAN', K.blob .. blob, '0', 'COUNT', HOLDERS)[2]) do
    local owner = holder_owner(holder)
    if owner and not known[owner] then
      known[owner] = true
      owners[#owners + 1] = owner
    end
  end
  answers[n] = owners
end
return cmsgpack.pack(answers)
