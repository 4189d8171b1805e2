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

-- The oldest were left to other workers, and stay due. Jobs behind them must not wait for those, if they have a record
-- or are not known to be others'.
local function not_left_behind(timers)
  local found, left = {}, payload.left or {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', timers, '-inf', now, 'LIMIT', DUE_AT_ONCE, BEHIND_AT_ONCE)) do
    if #found >= DUE_AT_ONCE then break end
    if not left[id] or redis.call('EXISTS', K.job .. id) == 1 then found[#found + 1] = id end
  end
  return found
end

-- Whether it is too late for a job that was about to begin. Its timer, which is due now, closes it.
local function starts_late(id, queue, deadline)
  if not is_late(deadline) then return false end
  redis.call('ZADD', K.arq_queue[queue], now, id)
  return true
end
