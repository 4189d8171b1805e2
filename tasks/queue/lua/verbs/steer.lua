-- needs: accounts/audit lane_limits lanes
-- A queue is paused or resumed; a lane is parked, unparked or limited. payload: verb, queue, lane, and by and reason
-- (pause; nil: none), for_ms (park), or cap, rate and ordered (limit; 0: none).
local queue, lane, verbs = payload.queue, payload.lane, {}

function verbs.pause()
  local key = K.queue .. queue
  local before = redis.call('HGET', key, 'paused')
  redis.call('HSET', key, 'paused', now)
  for _, name in ipairs({ 'by', 'reason' }) do
    if payload[name] then
      redis.call('HSET', key, 'paused_' .. name, payload[name])
    else
      redis.call('HDEL', key, 'paused_' .. name)
    end
  end
  write_audit({ id = queue, before = { paused = not not before }, after = { paused = true, reason = payload.reason } })
end

function verbs.resume()
  local before = redis.call('HDEL', K.queue .. queue, 'paused') == 1
  redis.call('HDEL', K.queue .. queue, 'paused_by', 'paused_reason')
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
