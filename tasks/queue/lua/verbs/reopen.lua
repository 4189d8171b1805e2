-- needs: accounts/audit bulk records verbs/reopening
-- Ended jobs run again. payload: ids, by, last (`for_each`), and what `reopen` needs, whose answers these are.
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end

-- A batch goes on with its job, so it must be whole too.
local function reopen_with_batch(id)
  local owner, state, batch = unpack(redis.call('HMGET', K.job .. id, 'owner', 'state', 'batch'))
  if batch and is_packed(batch) and not payload.last then return 'packed' end
  local answer = reopen(id)
  if answer == 'reopened' then write_audit({ owner = owner, id = id, before = { state = state } }) end
  return answer
end
return for_each(reopen_with_batch)
