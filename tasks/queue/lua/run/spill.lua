-- needs: lanes
-- Jobs leave their lanes for ARQ's zset, lanes in turn, where ARQ's own worker finds them. payload: queue, limit.
-- Answers how many. In a paused queue only the service's own work does.
local queue, spilled = payload.queue, 0
local paused, turn = unpack(redis.call('HMGET', K.queue .. queue, 'paused', 'turn'))
turn = tonumber(turn or 0)
local turns = (paused and K.service_turns or K.turns) .. queue
while spilled < payload.limit do
  local lanes = redis.call('ZRANGE', turns, 0, payload.limit - spilled - 1)
  if #lanes == 0 then break end
  for _, lane in ipairs(lanes) do
    local popped = redis.call('ZPOPMIN', K.backlog .. queue .. ':' .. lane)
    if popped[1] then
      redis.call('ZADD', K.arq_queue[queue], now, popped[1])
      spilled = spilled + 1
      turn = turn + 1
    end
    if redis.call('EXISTS', K.backlog .. queue .. ':' .. lane) == 1 then
      redis.call('ZADD', turns, turn, lane)
    else
      leave_round(queue, lane)
      local owner = receiver_of(lane)
      if owner then make_way(queue, owner) end
    end
  end
end
if spilled > 0 then redis.call('HSET', K.queue .. queue, 'turn', turn) end
return cmsgpack.pack(spilled)
