-- needs: lanes records
-- Jobs under which workers died. payload.io_bound: kind → true of those that only wait for sockets, which cannot kill a
-- worker.

local SUSPECTS_AT_ONCE = 100

-- A kind that cannot kill a worker was made a suspect by a worker of an earlier version.
local function acquit(id, queue)
  redis.call('ZREM', K.suspects .. queue, id)
  redis.call('HDEL', K.job .. id, 'lapses')
  local job = read(id)
  if job and job.state == 'queued' then requeue(job) end
end

-- Whether a lane has the calls of a function that this worker does not have.
local function is_for_others(lane)
  return payload.functions and not payload.functions[string.match(lane, '^function:(.*)$') or '']
end

-- The suspects that come first: those under which most workers died, but for lanes that are parked and owners that are
-- suspended.
local function first_suspects(queue)
  local first, most = {}, nil
  for _, id in ipairs(redis.call('ZRANGE', K.suspects .. queue, 0, SUSPECTS_AT_ONCE - 1)) do
    local kind, lane, lapses, owner = unpack(redis.call('HMGET', K.job .. id, 'kind', 'lane', 'lapses', 'owner'))
    if payload.io_bound[kind] then
      acquit(id, queue)
    elseif not is_for_others(lane or '') and not redis.call('ZSCORE', K.parked .. queue, lane or '')
      and redis.call('HEXISTS', K.suspended, owner or '') == 0 then
      most = most or lapses
      if lapses == most then first[#first + 1] = id end
    end
  end
  return first
end
