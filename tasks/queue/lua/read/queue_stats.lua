-- needs: lanes lane_ids queues/made read/lane_states
-- Counts of queues and lanes. Nothing is changed. payload: verb, and what the verb needs:
--   queues: queues {name, …} (that are always there; those that were made follow), slots {number, …} (of ends,
--     the current one included, the smallest first), max_lanes (of each queue, asked for their oldest job). Answers
--     now, queues {{name, paused_ms, scheduled, queued, retrying, running, overdue, since_ms (when the oldest job that
--     could start now fell due), and where they are set made_ms, made_by, concurrency, max_running, rank}, …}, ended
--     {{'queue state' → count}, …} for each of slots.
--   lanes: queue, from {list, rank} (where to go on), limit, lane_cap, auto and receiver_cap (as in claim.lua).
--     Answers lanes {{name, state, waiting, running, cap, rate, until_ms, since_ms, failures, failing_since_ms, owner
--     and url (of its endpoint, if it has one)}, …} (0: none), and from (nil at the end).
local verbs, EXAMINED_AT_MOST = {}, 1000

local function earlier(one, other)
  return one and other and math.min(one, other) or one or other
end

-- When the oldest job of a lane fell due. Its backlog is ordered by rank before time: each rank is asked for its first.
local function lane_since(queue, lane)
  local backlog, from, since = K.backlog .. queue .. ':' .. lane, '-inf', nil
  while true do
    local first = redis.call('ZRANGEBYSCORE', backlog, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if not first[1] then return since end
    since = earlier(since, tonumber(redis.call('HGET', K.job .. first[1], 'due_at')))
    from = (math.floor(tonumber(first[2]) / RANK) + 1) * RANK
  end
end

-- Lanes that may not be served, and jobs that are not due, wait for something else than a worker.
local function queue_since(queue, max_lanes)
  local since
  for _, lane in ipairs(redis.call('ZRANGE', K.turns .. queue, 0, max_lanes - 1)) do
    since = earlier(since, lane_since(queue, lane))
  end
  for _, key in ipairs({ K.suspects .. queue, K.arq_queue[queue] }) do
    local first = redis.call('ZRANGEBYSCORE', key, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1)
    -- A suspect's score is its time, less its rank.
    since = earlier(since, first[2] and tonumber(first[2]) % K.suspect_rank)
  end
  return since
end

local function queue_row(queue)
  local paused, by, reason, scheduled, queued, retrying, running, made_at, made_by, concurrency, max_running, rank =
    unpack(redis.call('HMGET', K.queue .. queue, 'paused', 'paused_by', 'paused_reason', 'in:scheduled', 'in:queued',
      'in:retrying', 'in:running', 'made_at', 'made_by', 'concurrency', 'max_running', 'rank'))
  return { name = queue, paused_ms = tonumber(paused) or nil, paused_by = by or nil, paused_reason = reason or nil,
    made_ms = tonumber(made_at) or nil, made_by = made_by or nil, concurrency = tonumber(concurrency) or nil,
    max_running = tonumber(max_running) or nil, rank = rank or nil, scheduled = tonumber(scheduled or 0),
    queued = tonumber(queued or 0), retrying = tonumber(retrying or 0), running = tonumber(running or 0),
    overdue = redis.call('ZCOUNT', K.arq_queue[queue], '-inf', now), since_ms = queue_since(queue, payload.max_lanes) }
end

function verbs.queues()
  local queues, ended, windows, back = {}, {}, {}, 0
  for n, queue in ipairs(payload.queues) do queues[n] = queue_row(queue) end
  for _, queue in ipairs(made_queues()) do queues[#queues + 1] = queue_row(queue) end
  local slot = math.floor(now / K.ends_slot_ms)
  for n, slots in ipairs(payload.slots) do
    windows[n] = {}
    while back < slots do
      local fields = redis.call('HGETALL', K.ends .. string.format('%.0f', slot - back))
      for at = 1, #fields, 2 do ended[fields[at]] = (ended[fields[at]] or 0) + tonumber(fields[at + 1]) end
      back = back + 1
    end
    for name, number in pairs(ended) do windows[n][name] = number end
  end
  return { now = now, queues = queues, ended = windows }
end

local function lane_row(queue, lane, activity)
  local row = lane_state(queue, lane, activity)
  row.waiting, row.since_ms = redis.call('ZCARD', K.backlog .. queue .. ':' .. lane), lane_since(queue, lane) or 0
  local kind, subject = parse_lane(lane)
  if kind == 'endpoint' or kind == 'test' then
    local owner, url = unpack(redis.call('HMGET', K.endpoint .. subject, 'owner', 'url'))
    row.owner, row.url = owner or nil, url or nil
  end
  return row
end

-- First those that wait for something, then those that wait for a worker. A full lane that is parked is listed once,
-- so a page of lanes may be short.
function verbs.lanes()
  local queue, list, rank, rows = payload.queue, payload.from.list, payload.from.rank, {}
  local examined = 0
  local activity = activity_now(queue)
  local lists = { K.parked .. queue, K.full .. queue, K.turns .. queue }
  while lists[list] do
    local names = redis.call('ZRANGE', lists[list], rank, rank + payload.limit - 1)
    for _, lane in ipairs(names) do
      if #rows == payload.limit or examined == EXAMINED_AT_MOST then
        return { now = now, lanes = rows, from = { list = list, rank = rank } }
      end
      rank, examined = rank + 1, examined + 1
      if list ~= 2 or not redis.call('ZSCORE', lists[1], lane) then
        rows[#rows + 1] = lane_row(queue, lane, activity)
      end
    end
    if #names < payload.limit then list, rank = list + 1, 0 end
  end
  return { now = now, lanes = rows }
end

return cmsgpack.pack(verbs[payload.verb]())
