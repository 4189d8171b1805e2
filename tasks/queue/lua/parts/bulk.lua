-- One action for each of payload.ids; the answers in their order. payload.by: the bulk job that does it {id, attempt,
-- place}, or nil. The bulk job counts the answers and notes how far it is in this very step, so that its count is true
-- whichever worker dies; an attempt that is no longer the current one changes nothing.
local function for_each(act)
  local by = payload.by
  if by then
    local state, attempt = unpack(redis.call('HMGET', K.job .. by.id, 'state', 'attempt'))
    if state ~= 'running' or tonumber(attempt) ~= by.attempt then return cmsgpack.pack(false) end
    redis.call('HSET', K.job .. by.id, 'place', by.place)
  end
  local answers = {}
  for n, id in ipairs(payload.ids) do
    answers[n] = act(id)
    if by then redis.call('HINCRBY', K.job .. by.id, 'count:' .. answers[n], 1) end
  end
  return cmsgpack.pack(answers)
end
