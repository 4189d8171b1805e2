-- needs: counters ending lanes lapsed/lapses records timing/deadlines timing/late
-- ARQ's own worker starts a job: it holds `arq:in-progress` already, so that no lease is needed, and none is renewed.
-- A job that is said to run has lost its worker: a worker that lives holds that key.
-- payload: id, worker, keep, io_bound {kind → true}. Answers the job as claim.lua does ({id, queue, kind, …}), or the
-- state that forbids it.
local job = read(payload.id)
if not job then return cmsgpack.pack('unknown') end
local record, state = K.job .. job.id, job.state
if state == 'running' then
  if not lapse(job, true) then return cmsgpack.pack('failed') end
elseif job.lost and LIVE[state] then
  close_lost(job)
  return cmsgpack.pack('failed')
elseif is_late(job.deadline) and LIVE[state] then
  close_late(job)
  return cmsgpack.pack('failed')
elseif job.awaits > 0 and state == 'scheduled' then
  redis.call('ZADD', K.arq_queue[job.queue], safety_at(), job.id)
  return cmsgpack.pack(state)
elseif state == 'queued' or state == 'scheduled' or state == 'retrying' then
  leave_lane(job)
  redis.call('HINCRBY', K.lane .. job.queue .. ':' .. job.lane, 'running', 1)
else
  return cmsgpack.pack(state)
end
local attempt = job.attempt + 1
redis.call('HSET', record, 'state', 'running', 'worker', payload.worker, 'attempt', attempt, 'started_at', now)
set_state(job, 'running')
local more = fields_of(record, { 'params', 'request_id', 'due_at', 'traceparent', 'tracestate', 'unread', 'timeout_s',
  'max_tries' })
if attempt == 1 and not more.unread then
  observe('pickup', label_of(job.kind, job.job_indexes), now - tonumber(more.due_at))
end
return cmsgpack.pack({ id = job.id, queue = job.queue, kind = job.kind, owner = job.owner, params = more.params,
  attempt = attempt, tries = job.tries, created_at = tonumber(job.created_at), started_at = now,
  request_id = more.request_id or nil, traceparent = more.traceparent or nil, tracestate = more.tracestate or nil,
  timeout_s = tonumber(more.timeout_s or nil), max_tries = tonumber(more.max_tries or nil) })
