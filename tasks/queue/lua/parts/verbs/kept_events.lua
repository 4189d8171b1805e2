-- How long an event is kept for its deliveries.

-- A delivery that is made, or runs again, after the event's own end needs it for as long as a new one would.
local function keep_event(id, keep_ms)
  for _, key in ipairs({ K.job .. id, K.jobs .. 'event/' .. id }) do
    local left = redis.call('PTTL', key)
    if left >= 0 and left < keep_ms then redis.call('PEXPIRE', key, keep_ms) end
  end
  if redis.call('HEXISTS', K.job .. id, 'expires_at') == 1 then
    redis.call('HSET', K.job .. id, 'expires_at', now + keep_ms)
  end
end
