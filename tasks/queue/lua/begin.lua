-- A stock ARQ worker starts a job: it holds `arq:in-progress` already, so that no lease is needed, and none is renewed.
-- A job that is said to run has lost its worker: whoever lives holds that key.
-- payload: id, worker, keep. Answers {queue, kind, owner, params, attempt, tries, created_at, now, request_id}, or the state that forbids it.
local id = payload.id
local r = redis.call('HMGET', K.job .. id, 'state', 'queue', 'kind', 'owner', 'params', 'attempt', 'tries', 'created_at', 'request_id',
  'lane', 'worker', 'started_at')
local state, queue, owner, created, lane = r[1], r[2], r[4], r[8], r[10]
local attempt = tonumber(r[6] or 0) + 1
if state == 'running' then
  local lapses = redis.call('HINCRBY', K.job .. id, 'lapses', 1)
  local fields = { 'attempt:' .. attempt - 1, lapsed_attempt(attempt - 1, r[11], r[12]) }
  if lapses >= POISON_LAPSES then
    local job = { state = state, owner = owner, queue = queue, created_at = created, kind = r[3], started_at = r[12] }
    leave_running(queue, lane, 1)
    close_poison(id, job, attempt - 1, payload.keep, fields)
    return cmsgpack.pack('failed')
  end
  redis.call('HSET', K.job .. id, unpack(fields))
elseif state == 'queued' or state == 'scheduled' or state == 'retrying' then
  leave_lane(id, queue, lane)
  redis.call('HINCRBY', K.lane .. queue .. ':' .. lane, 'running', 1)
else
  return cmsgpack.pack(state or 'unknown')
end
redis.call('HSET', K.job .. id, 'state', 'running', 'worker', payload.worker, 'attempt', attempt, 'started_at', now)
set_state(id, owner, created, state, 'running')
return cmsgpack.pack({ queue, r[3], owner, r[5], attempt, tonumber(r[7] or 0), tonumber(created), now, r[9] })
