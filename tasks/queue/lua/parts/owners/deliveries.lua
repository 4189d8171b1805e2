-- needs: lanes
-- How many deliveries of an owner may run at once, by payload.owner_cap (as in claim.lua). activity: of the queue
-- (`activity_of`).

-- How many deliveries to receivers of an owner that have not answered may start now: half of the owner's slots are kept
-- for those that answered the last time.
local function unanswered_room(queue, lane, owner, want, activity)
  local key = K.unanswered .. owner
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - K.unanswered_ms)
  local slots = activity.slots > 0 and math.min(activity.slots, payload.owner_cap) or payload.owner_cap
  local room = math.max(math.floor(slots / 2), 1) - redis.call('ZCARD', key)
  if room > 0 then return math.min(want, room) end
  await_unanswered(queue, lane, owner)
  let_in_some('SPOP', K.owner_capped .. queue .. ':' .. owner, queue, 1)
  return 0
end

-- How many deliveries of this lane's owner may start now; the owner, and whether the receiver answered the last time. A
-- lane that has to wait for others of its owner is let in again by the next of their jobs that ends.
local function owner_room(queue, lane, want, activity)
  if payload.owner_cap == 0 then return want end
  local owner, answered = receiver_of(lane)
  if not owner then return want end
  local room = payload.owner_cap - redis.call('ZCARD', K.jobs .. owner .. '/delivery:running')
  if room > 0 then
    if answered then return math.min(want, room), owner, true end
    return unanswered_room(queue, lane, owner, math.min(want, room), activity), owner
  end
  redis.call('SADD', K.owner_capped .. queue .. ':' .. owner, lane)
  redis.call('ZADD', K.full .. queue, now, lane)
  return 0
end
