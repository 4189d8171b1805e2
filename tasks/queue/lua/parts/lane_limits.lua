-- needs: lanes
-- What holds a lane back: it is parked, or as many of its jobs run or start as may.

-- Until when a lane is left alone, if it is. One that waits for its next start by its rate is parked too, which is not meant here.
local function left_alone_until(queue, lane)
  local until_ms = tonumber(redis.call('ZSCORE', K.parked .. queue, lane) or 0)
  if until_ms == 0 or until_ms == tonumber(redis.call('HGET', K.lane .. queue .. ':' .. lane, 'next') or 0) then return nil end
  return until_ms
end

-- A lane that was parked is not any more.
local function let_go(queue, lane)
  redis.call('ZREM', K.parked .. queue, lane)
  if redis.call('EXISTS', K.line .. queue .. ':' .. lane) == 1 then
    join_round(queue, lane)
    wake(queue)
  end
end

-- How many of a lane's jobs may run at once (0: any number), by payload.lane_cap and receiver_cap. The limit of owners yields to a lane's
-- own, that of receivers is the most that one may ask for; a receiver that failed too often (trips) is probed by one job at a time.
local function cap_of(lane, own, trips)
  if trips then return 1 end
  if string.sub(lane, 1, 6) == 'owner:' then return tonumber(own or payload.lane_cap) end
  local cap = payload.receiver_cap
  return own and (tonumber(own) < cap or cap == 0) and tonumber(own) or cap
end
