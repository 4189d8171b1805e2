-- A queue is paused or resumed, a lane is parked, let go or limited. payload: verb, queue, lane, and what the verb needs.
local queue, lane = payload.queue, payload.lane
local verb = payload.verb
local function let_go()
  if redis.call('EXISTS', K.line .. queue .. ':' .. lane) == 1 then
    join_round(queue, lane)
    wake(queue)
  end
end
if verb == 'pause' then
  redis.call('HSET', K.queue .. queue, 'paused', now)
elseif verb == 'resume' then
  redis.call('HDEL', K.queue .. queue, 'paused')
  wake(queue)
elseif verb == 'park' then
  redis.call('ZADD', K.parked .. queue, now + payload.for_ms, lane)
  redis.call('ZREM', K.turns .. queue, lane)
elseif verb == 'unpark' then
  redis.call('ZREM', K.parked .. queue, lane)
  let_go()
elseif verb == 'limit' then
  local key = K.lane .. queue .. ':' .. lane
  -- A lane that waits for its next start by the old rate starts by the new one; a lane that was parked stays so.
  local next, parked = redis.call('HGET', key, 'next'), redis.call('ZSCORE', K.parked .. queue, lane)
  if next and parked and tonumber(next) == tonumber(parked) then redis.call('ZREM', K.parked .. queue, lane) end
  redis.call('HDEL', key, 'next')
  for _, name in ipairs({ 'cap', 'rate' }) do
    if payload[name] > 0 then redis.call('HSET', key, name, payload[name]) else redis.call('HDEL', key, name) end
  end
  let_go()
end
return cmsgpack.pack(true)
