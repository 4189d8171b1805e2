-- needs: lane_limits lanes
-- A queue is paused or resumed, a lane is parked, let go or limited. payload: verb, queue, lane, and what the verb needs.
local queue, lane = payload.queue, payload.lane
local verb = payload.verb
if verb == 'pause' then
  redis.call('HSET', K.queue .. queue, 'paused', now)
elseif verb == 'resume' then
  redis.call('HDEL', K.queue .. queue, 'paused')
  wake(queue)
elseif verb == 'park' then
  redis.call('ZADD', K.parked .. queue, now + payload.for_ms, lane)
  redis.call('ZREM', K.turns .. queue, lane)
  redis.call('ZREM', K.full .. queue, lane)
elseif verb == 'unpark' then
  let_go(queue, lane)
elseif verb == 'limit' then
  local key = K.lane .. queue .. ':' .. lane
  -- A lane that waits for its next start by the old rate starts by the new one; a lane that was parked stays so.
  local parked = left_alone_until(queue, lane)
  redis.call('HDEL', key, 'next')
  for _, name in ipairs({ 'cap', 'rate' }) do
    if payload[name] > 0 then redis.call('HSET', key, name, payload[name]) else redis.call('HDEL', key, name) end
  end
  if not parked then let_go(queue, lane) end
end
return cmsgpack.pack(true)
