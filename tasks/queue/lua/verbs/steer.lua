-- needs: lane_limits lanes
-- A queue is paused or resumed; a lane is parked, unparked or limited. payload: verb, queue, lane, and for_ms (park),
-- or cap, rate and ordered (limit; 0: none).
local queue, lane, verbs = payload.queue, payload.lane, {}

function verbs.pause()
  redis.call('HSET', K.queue .. queue, 'paused', now)
end

function verbs.resume()
  redis.call('HDEL', K.queue .. queue, 'paused')
  wake(queue)
end

function verbs.park()
  redis.call('ZADD', K.parked .. queue, now + payload.for_ms, lane)
  local owner = leave_round(queue, lane) and receiver_of(lane)
  if owner then make_way(queue, owner) end
  redis.call('ZREM', K.full .. queue, lane)
end

function verbs.unpark()
  unpark(queue, lane)
end

function verbs.limit()
  set_limits(queue, lane, payload)
end

verbs[payload.verb]()
return cmsgpack.pack(true)
