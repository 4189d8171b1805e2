-- needs: counters ending lanes lapses records
-- A stock ARQ worker starts a job: it holds `arq:in-progress` already, so that no lease is needed, and none is renewed.
-- A job that is said to run has lost its worker: whoever lives holds that key.
-- payload: id, worker, keep. Answers {queue, kind, owner, params, attempt, tries, created_at, now, request_id,
-- traceparent, tracestate}, or the state that forbids it.
local id = payload.id
local job = read(id)
if not job then return cmsgpack.pack('unknown') end
local state = job.state
if state == 'running' then
  if not lapse(id, job, payload.keep) then return cmsgpack.pack('failed') end
elseif job.lost then
  close_lost(id, job, payload.keep)
  return cmsgpack.pack('failed')
elseif job.awaits > 0 and state == 'scheduled' then
  redis.call('ZADD', K.arq_queue[job.queue], now + K.safety_ms, id)
  return cmsgpack.pack(state)
elseif state == 'queued' or state == 'scheduled' or state == 'retrying' then
  leave_lane(id, job.queue, job.lane)
  redis.call('HINCRBY', K.lane .. job.queue .. ':' .. job.lane, 'running', 1)
else
  return cmsgpack.pack(state)
end
local attempt = job.attempt + 1
redis.call('HSET', K.job .. id, 'state', 'running', 'worker', payload.worker, 'attempt', attempt, 'started_at', now)
set_state(id, job, 'running')
local more = redis.call('HMGET', K.job .. id, 'params', 'request_id', 'due_at', 'traceparent', 'tracestate')
if attempt == 1 then observe('pickup', label(job.kind), now - tonumber(more[3])) end
return cmsgpack.pack({ job.queue, job.kind, job.owner, more[1], attempt, job.tries, tonumber(job.created_at), now, more[2],
  more[4], more[5] })
