-- One verb for many jobs.

-- One verb for each of payload.ids; the answers in their order. payload.by: the bulk job that says so {id, attempt, place}, or nil. It counts
-- the answers and notes how far it is in this very step, so that its count is true whoever dies; and whoever lost it does nothing more.
local function for_each(act)
  local by = payload.by
  if by then
    local r = redis.call('HMGET', K.job .. by.id, 'state', 'attempt')
    if r[1] ~= 'running' or tonumber(r[2]) ~= by.attempt then return cmsgpack.pack(false) end
    redis.call('HSET', K.job .. by.id, 'place', by.place)
  end
  local answers = {}
  for n, id in ipairs(payload.ids) do
    answers[n] = act(id)
    if by then redis.call('HINCRBY', K.job .. by.id, 'count:' .. answers[n], 1) end
  end
  return cmsgpack.pack(answers)
end
