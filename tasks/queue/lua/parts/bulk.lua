-- One action for each of payload.ids; the answers in their order. payload.by: the bulk job that does it {id, attempt,
-- place, field (of its record, for the place)}, or nil. The bulk job counts the answers and notes how far it is in this
-- very step, so that its count is true whichever worker dies; an attempt that is no longer the current one changes
-- nothing. If one of the jobs was packed on the way (`must_restore`), none is touched, and all are answered with
-- 'packed': the caller restores them, and asks for all again. payload.last: it does not any more.
local function for_each(act, must_restore)
  local by = payload.by
  if by then
    local state, attempt = unpack(redis.call('HMGET', K.job .. by.id, 'state', 'attempt'))
    if state ~= 'running' or tonumber(attempt) ~= by.attempt then return cmsgpack.pack(false) end
  end
  local answers, packed = {}, false
  for n, id in ipairs(must_restore and not payload.last and payload.ids or {}) do
    answers[n] = 'packed'
    packed = packed or must_restore(id)
  end
  if packed then return cmsgpack.pack(answers) end
  for n, id in ipairs(payload.ids) do
    local answer = act(id)
    if answer == 'packed' then answer = 'unknown' end
    if by then redis.call('HINCRBY', K.job .. by.id, 'count:' .. answer, 1) end
    answers[n] = answer
  end
  if by then redis.call('HSET', K.job .. by.id, by.field, by.place) end
  return cmsgpack.pack(answers)
end
