-- A stock ARQ worker starts a job: it holds `arq:in-progress` already, so that no lease is needed, and none is renewed.
-- payload: id, worker. Answers {queue, kind, owner, params, attempt, tries, created_at, now, request_id}, or the state that forbids it.
local id = payload.id
local r = redis.call('HMGET', K.job .. id, 'state', 'queue', 'kind', 'owner', 'params', 'attempt', 'tries', 'created_at', 'request_id', 'lane')
local state, queue, owner, created, lane = r[1], r[2], r[4], r[8], r[10]
if state ~= 'queued' and state ~= 'scheduled' and state ~= 'retrying' then return cmsgpack.pack(state or 'unknown') end
redis.call('ZREM', K.line .. queue .. ':' .. lane, id)
redis.call('HINCRBY', K.lane .. queue .. ':' .. lane, 'running', 1)
local attempt = tonumber(r[6] or 0) + 1
redis.call('HSET', K.job .. id, 'state', 'running', 'worker', payload.worker, 'attempt', attempt, 'started_at', now)
set_state(id, owner, created, state, 'running')
return cmsgpack.pack({ queue, r[3], owner, r[5], attempt, tonumber(r[7] or 0), tonumber(created), now, r[9] })
