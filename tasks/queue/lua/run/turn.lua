-- One process at a time handles the schedules that are due. A full Redis would refuse a plain lock.
-- payload: verb ('take' | 'leave'), holder. Answers whether the turn was given, or left.
if payload.verb == 'take' then
  local taken = redis.call('SET', K.ticking, payload.holder, 'NX', 'PX', K.ticking_ms)
  return cmsgpack.pack(taken and true or false)
end
local is_ours = redis.call('GET', K.ticking) == payload.holder
if is_ours then redis.call('DEL', K.ticking) end
return cmsgpack.pack(is_ours)
