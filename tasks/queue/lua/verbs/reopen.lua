-- needs: accounts/audit bulk records verbs/reopening
-- Ended jobs run again. payload: ids, by, last (`for_each`), and what `reopen` needs, whose answers these are.
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end

-- A batch goes on with its job, so it must be whole too.
local function must_restore(id)
  local batch = redis.call('HGET', K.job .. id, 'batch')
  return is_packed(id) or batch and is_packed(batch)
end

local function reopen_and_note(id)
  local owner, state = unpack(redis.call('HMGET', K.job .. id, 'owner', 'state'))
  local answer = reopen(id)
  if answer == 'reopened' then write_audit({ owner = owner, id = id, before = { state = state } }) end
  return answer
end
return for_each(reopen_and_note, must_restore)
