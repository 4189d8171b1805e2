-- needs: lane_ids lanes
-- What holds a lane back: it is parked, or as many of its jobs run, or start in a second, as may.

-- Until when a lane is parked; nil if it is not, or only waits for its next start by its rate or its order.
local function parked_until(queue, lane)
  local until_ms = tonumber(redis.call('ZSCORE', K.parked .. queue, lane) or 0)
  if until_ms == 0 then return nil end
  local next_ms, held = unpack(redis.call('HMGET', K.lane .. queue .. ':' .. lane, 'next', 'held'))
  if until_ms == tonumber(next_ms or 0) or until_ms == tonumber(held or 0) then return nil end
  return until_ms
end

local function unpark(queue, lane)
  redis.call('ZREM', K.parked .. queue, lane)
  if redis.call('EXISTS', K.backlog .. queue .. ':' .. lane) == 1 then
    join_round(queue, lane)
    wake(queue)
  end
end

-- limits: cap (jobs that may run at once), rate (starts a second) and ordered (1: `lane_order.lua`); 0: no limit; nil:
-- as it is. They hold at once: a lane that waits for its next start by the old rate starts by the new one; one that was
-- parked stays parked.
local function set_limits(queue, lane, limits)
  local key, parked = K.lane .. queue .. ':' .. lane, parked_until(queue, lane)
  for _, name in ipairs({ 'cap', 'rate', 'ordered' }) do
    local value = limits[name]
    if value and value > 0 then
      redis.call('HSET', key, name, value)
    elseif value then
      redis.call('HDEL', key, name)
    end
  end
  if limits.rate then redis.call('HDEL', key, 'next') end
  if limits.ordered == 0 then redis.call('HDEL', key, 'held') end
  if not parked then unpark(queue, lane) end
end

-- How many of a lane's jobs may run at once (0: any number), by payload.lane_cap and receiver_cap. own: the lane's own
-- cap, which replaces that of owners, but may only lower that of receivers. A receiver that failed too often, or did
-- not answer in time, is probed by one job at a time, and one that wants order gets one at a time (one_at_a_time:
-- `trips`, `slow` or `ordered` of its lane).
local function cap_of(lane, own, one_at_a_time)
  if one_at_a_time then return 1 end
  local kind = parse_lane(lane)
  if kind == 'owner' or kind == 'service' then return tonumber(own or payload.lane_cap) end
  local cap = payload.receiver_cap
  return own and (tonumber(own) < cap or cap == 0) and tonumber(own) or cap
end

-- Queues that a worker serves by one pattern share its slots: payload.shared {pattern → free slots}, queue.shares (its
-- pattern; nil: it has its slots for itself).

local function shared_room(queue)
  return queue.shares and math.min(queue.free, payload.shared[queue.shares]) or queue.free
end

local function spend_shared(queue, jobs)
  if queue.shares then payload.shared[queue.shares] = payload.shared[queue.shares] - jobs end
end
