-- needs: timing/deadlines
-- Timers that are due, as many of them as one claim looks at.
local DUE_AT_ONCE, LATEST_AT_ONCE, BEHIND_AT_ONCE = 100, 50, 1000

-- The oldest first. Of a great many also the latest: the leases of dead workers are among them.
local function due_timers(timers)
  local due = redis.call('ZRANGEBYSCORE', timers, '-inf', now, 'LIMIT', 0, DUE_AT_ONCE)
  if #due < DUE_AT_ONCE then return due end
  local known = {}
  for _, id in ipairs(due) do known[id] = true end
  for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', timers, now, '-inf', 'LIMIT', 0, LATEST_AT_ONCE)) do
    if not known[id] then due[#due + 1] = id end
  end
  return due
end

-- The oldest were left to other workers, and stay due: jobs behind them that have a record must not wait for those.
local function known_behind(timers)
  local known = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', timers, '-inf', now, 'LIMIT', DUE_AT_ONCE, BEHIND_AT_ONCE)) do
    if #known < DUE_AT_ONCE and redis.call('EXISTS', K.job .. id) == 1 then known[#known + 1] = id end
  end
  return known
end

-- Whether it is too late for a job that was about to begin. Its timer, which is due now, closes it.
local function starts_late(id, queue, deadline)
  if not is_late(deadline) then return false end
  redis.call('ZADD', K.arq_queue[queue], now, id)
  return true
end
