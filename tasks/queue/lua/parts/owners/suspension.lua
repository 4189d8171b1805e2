-- needs: lane_ids lanes
-- What waits of a suspended owner stands still: its lanes are parked, each for a short time, until it is resumed. What
-- the service does for the owner itself goes on, as in a paused queue: it makes deliveries, which wait.

-- Parks a lane if its owner is suspended. Returns whether it did.
local function park_if_suspended(queue, lane)
  if is_service(lane) then return false end
  local kind, subject = parse_lane(lane)
  local owner = kind == 'owner' and subject or receiver_of(lane)
  if not owner or redis.call('HEXISTS', K.suspended, owner) == 0 then return false end
  redis.call('ZADD', K.parked .. queue, now + K.suspended_ms, lane)
  redis.call('ZREM', K.full .. queue, lane)
  -- Others of its owner's lanes may wait for this one to be served: they are parked too.
  if leave_round(queue, lane) and kind ~= 'owner' then make_way(queue, owner) end
  return true
end
