-- needs: creation
-- An event becomes deliveries. Their ids are derived from event and endpoint, so that whoever says it again adds nothing.
-- payload: event, type, owner, keep_ms (of the event), deliveries {{id, endpoint, lane, shelves, always}, …}.
-- An endpoint that is gone or disabled by now is passed over, unless the delivery is to be made `always`.
-- Answers how many were made.
local made = 0
local index = K.jobs .. 'event/' .. payload.event
local trace = redis.call('HMGET', K.job .. payload.event, 'traceparent', 'tracestate')
local fields = { 'name', payload.type }
for place, name in ipairs({ 'traceparent', 'tracestate' }) do
  if trace[place] then
    fields[#fields + 1] = name
    fields[#fields + 1] = trace[place]
  end
end
for _, delivery in ipairs(payload.deliveries) do
  local id, endpoint, lane, shelves, always = unpack(delivery)
  local wanted = always or redis.call('HGET', K.endpoint .. endpoint, 'enabled') == '1'
  if wanted and redis.call('EXISTS', K.job .. id) == 0 then
    create({ id = id, kind = 'delivery', queue = 'webhooks', owner = payload.owner, lane = lane, shelves = shelves, priority = 'normal',
      params = cjson.encode({ event = payload.event, endpoint = endpoint }), delay_ms = 0, fields = fields, blobs = {},
      event = payload.event })
    redis.call('ZADD', index, now, id)
    made = made + 1
  end
end
redis.call('PEXPIRE', index, payload.keep_ms)
return cmsgpack.pack(made)
