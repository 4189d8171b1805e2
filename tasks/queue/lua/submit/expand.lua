-- needs: creation lane_order verbs/kept_events
-- An event becomes deliveries. Their ids are derived from event and endpoint, so that a repeat adds nothing.
-- payload: event, type, owner, keep_ms (of the event), deliveries {{id, endpoint, lane, job_indexes, always}, …},
-- missed (whether disabled endpoints asked for it, so that it is kept for them), late (it was expanded before),
-- heard (somebody listens to the owner's events).
-- They have the deadline of the event. An endpoint that is gone or disabled by now is skipped, unless the delivery is
-- to be made `always`.
-- Answers how many were made. An event waits while Redis is full, unless it is an alert.
if string.sub(payload.type, 1, 6) == 'alert.' then
  write_when_full()
elseif payload.full then
  return cmsgpack.pack({ answer = 'redis_full' })
end
local made = 0
local index = K.jobs .. 'event/' .. payload.event
local trace = redis.call('HMGET', K.job .. payload.event, 'traceparent', 'tracestate', 'score', 'due_at', 'deadline')
local fields = { 'name', payload.type }
for place, name in ipairs({ 'traceparent', 'tracestate' }) do
  if trace[place] then
    fields[#fields + 1] = name
    fields[#fields + 1] = trace[place]
  end
end
local score = score_of_event(trace[3], trace[4])
for _, delivery in ipairs(payload.deliveries) do
  local endpoint = delivery.endpoint
  local wanted = delivery.always or redis.call('HGET', K.endpoint .. endpoint, 'enabled') == '1'
  if wanted and redis.call('EXISTS', K.job .. delivery.id) == 0 then
    create({ id = delivery.id, kind = 'delivery', queue = 'webhooks', owner = payload.owner, lane = delivery.lane,
      job_indexes = delivery.job_indexes, priority = 'normal', score = score, event = payload.event, delay_ms = 0,
      blobs = {}, params = cjson.encode({ event = payload.event, endpoint = endpoint }), fields = fields,
      deadline = trace[5] or nil })
    redis.call('ZADD', index, now, delivery.id)
    made = made + 1
  end
end
redis.call('PEXPIRE', index, payload.keep_ms)
if payload.missed and trace[4] then redis.call('HSET', K.job .. payload.event, 'missed', 1) end
if payload.heard then
  redis.call('XADD', K.heard .. payload.owner, 'MAXLEN', '~', K.heard_kept, '*', 'event', payload.event)
  redis.call('PEXPIRE', K.heard .. payload.owner, K.heard_ms)
end
if payload.late and made > 0 then keep_event(payload.event, payload.keep_ms) end
return cmsgpack.pack(made)
