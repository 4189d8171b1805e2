-- needs: lane_limits lanes
-- How the queues stand. Nothing is changed. payload: verb, and what the verb needs:
--   queues: queues {name, …}, slots (of ends, the current one included), look (lanes of each queue that are asked for their oldest)
--   lanes: queue, from {list, rank} (where to go on), limit, lane_cap and receiver_cap (as in claim.lua)
-- Answers: queues {now, queues {{paused (ms) or false, scheduled, queued, retrying, running, overdue, since (ms) or false}, …},
--   ends {'queue state' → count}}, where since is when the oldest job that could start now fell due;
-- lanes {lanes {{name, state, waiting, running, cap, rate, until, since, failures, failing_since}, …}, from or false (at the end)}, 0 for none.
local verbs = {}

local function earlier(one, other)
  return one and other and math.min(one, other) or one or other
end

-- When the oldest job of a lane fell due. Ranks go before times in its line: each is asked for its first.
local function lane_since(queue, lane)
  local from, since = '-inf', nil
  while true do
    local first = redis.call('ZRANGEBYSCORE', K.line .. queue .. ':' .. lane, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if not first[1] then return since end
    since = earlier(since, tonumber(redis.call('HGET', K.job .. first[1], 'due_at')))
    from = (math.floor(tonumber(first[2]) / RANK) + 1) * RANK
  end
end

-- Lanes that may not be served, and jobs that are not due, wait for something else than a worker.
local function queue_since(queue, look)
  local since
  for _, lane in ipairs(redis.call('ZRANGE', K.turns .. queue, 0, look - 1)) do since = earlier(since, lane_since(queue, lane)) end
  for _, key in ipairs({ K.suspects .. queue, K.arq_queue[queue] }) do
    local first = redis.call('ZRANGEBYSCORE', key, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1)
    since = earlier(since, tonumber(first[2]))
  end
  return since
end

function verbs.queues()
  local queues, ended = {}, {}
  for n, queue in ipairs(payload.queues) do
    local about = redis.call('HMGET', K.queue .. queue, 'paused', 'in:scheduled', 'in:queued', 'in:retrying', 'in:running')
    queues[n] = { tonumber(about[1]) or false }
    for at = 2, 5 do queues[n][at] = tonumber(about[at] or 0) end
    queues[n][6] = redis.call('ZCOUNT', K.arq_queue[queue], '-inf', now)
    queues[n][7] = queue_since(queue, payload.look) or false
  end
  local slot = math.floor(now / K.ends_slot_ms)
  for back = 0, payload.slots - 1 do
    local fields = redis.call('HGETALL', K.ends .. string.format('%.0f', slot - back))
    for at = 1, #fields, 2 do ended[fields[at]] = (ended[fields[at]] or 0) + tonumber(fields[at + 1]) end
  end
  return { now, queues, ended }
end

local function lane_row(queue, lane)
  local limits = redis.call('HMGET', K.lane .. queue .. ':' .. lane, 'running', 'cap', 'rate', 'next', 'trips', 'failures', 'failing_since')
  local until_ms = tonumber(redis.call('ZSCORE', K.parked .. queue, lane) or 0)
  local state = redis.call('ZSCORE', K.full .. queue, lane) and 'full' or 'ready'
  if until_ms > now then state = tonumber(limits[4] or 0) == until_ms and 'limited' or 'parked' end
  return { lane, state, redis.call('ZCARD', K.line .. queue .. ':' .. lane), tonumber(limits[1] or 0), cap_of(lane, limits[2], limits[5]),
    tonumber(limits[3] or 0), until_ms > now and until_ms or 0, lane_since(queue, lane) or 0, tonumber(limits[6] or 0), tonumber(limits[7] or 0) }
end

-- First those that wait for something, then those that wait for a worker. A full lane that is parked is listed once.
function verbs.lanes()
  local queue, list, rank, rows = payload.queue, payload.from[1], payload.from[2], {}
  local lists = { K.parked .. queue, K.full .. queue, K.turns .. queue }
  while lists[list] do
    local names = redis.call('ZRANGE', lists[list], rank, rank + payload.limit - 1)
    for _, lane in ipairs(names) do
      if #rows == payload.limit then return { rows, { list, rank } } end
      rank = rank + 1
      if list ~= 2 or not redis.call('ZSCORE', lists[1], lane) then rows[#rows + 1] = lane_row(queue, lane) end
    end
    if #names < payload.limit then list, rank = list + 1, 0 end
  end
  return { rows, false }
end

return cmsgpack.pack(verbs[payload.verb]())
