-- Somebody cancels a job. One that waits never starts; for one that runs, its worker is told by ARQ's own sign (`arq:abort`).
-- payload: id, keep. Answers 'unknown' | 'cancelled' | 'running' | the state in which it had ended.
local id = payload.id
local r = redis.call('HMGET', K.job .. id, 'state', 'owner', 'queue', 'lane', 'created_at', 'kind', 'started_at', 'attempt')
local state = r[1]
if not state then return cmsgpack.pack('unknown') end
if state == 'running' then
  redis.call('ZADD', K.arq_abort, 'NX', now, id)
elseif state == 'queued' or state == 'scheduled' or state == 'retrying' then
  local message = 'Cancelled while it waited.'
  leave_lane(id, r[3], r[4])
  close(id, { state = state, owner = r[2], queue = r[3], created_at = r[5], kind = r[6], started_at = r[7] }, tonumber(r[8] or 0),
    'cancelled', { 'cancelled', message }, payload.keep, { 'error', cjson.encode({ code = 'cancelled', message = message }) })
  state = 'cancelled'
  forget_oldest(K.jobs .. r[2] .. ':cancelled', 1)
else
  redis.call('ZREM', K.arq_abort, id)
end
return cmsgpack.pack(state)
