-- needs: accounts/audit lane_limits lanes
-- A queue is paused or resumed; a lane is parked, unparked or limited. payload: verb, queue, lane, and for_ms (park),
-- or cap, rate and ordered (limit; 0: none).
local queue, lane, verbs = payload.queue, payload.lane, {}

function verbs.pause()
  local before = redis.call('HGET', K.queue .. queue, 'paused')
  redis.call('HSET', K.queue .. queue, 'paused', now)
  write_audit({ id = queue, before = { paused = not not before }, after = { paused = true } })
end

function verbs.resume()
  local before = redis.call('HDEL', K.queue .. queue, 'paused') == 1
  wake(queue)
  write_audit({ id = queue, before = { paused = before }, after = { paused = false } })
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
