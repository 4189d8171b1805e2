-- needs: lane_limits owners/running
-- Why the jobs of a lane wait. payload: lane_cap, auto and receiver_cap (as in claim.lua).

local function activity_now(queue)
  return activity_of(queue, 0, unpack(redis.call('HMGET', K.queue .. queue, 'slots', 'active_owner', 'active_at',
    'active_owner2', 'active_at2')))
end

-- Returns name, running, cap, rate, until_ms (parked, or limited by its rate), failures, failing_since_ms (0: none),
-- and state: 'ready', 'full', 'limited' or 'parked'.
local function lane_state(queue, lane, activity)
  local running, cap, rate, next_ms, trips, slow, failures, failing_since, ordered = unpack(redis.call('HMGET',
    K.lane .. queue .. ':' .. lane, 'running', 'cap', 'rate', 'next', 'trips', 'slow', 'failures', 'failing_since',
    'ordered'))
  local until_ms = tonumber(redis.call('ZSCORE', K.parked .. queue, lane) or 0)
  local state = redis.call('ZSCORE', K.full .. queue, lane) and 'full' or 'ready'
  cap = cap_of(lane, cap, trips or slow or ordered)
  local owner = cap == 0 and payload.auto and owner_of_lane(lane)
  if until_ms > now then state = tonumber(next_ms or 0) == until_ms and 'limited' or 'parked' end
  return { name = lane, state = state, running = tonumber(running or 0),
    cap = owner and share_of(activity, owner) or cap, rate = tonumber(rate or 0),
    until_ms = until_ms > now and until_ms or 0, failures = tonumber(failures or 0),
    failing_since_ms = tonumber(failing_since or 0) }
end
