-- One action for each of payload.ids; the answers in their order. payload.by: the bulk job that does it {id, attempt,
-- place}, or nil. The bulk job counts the answers and notes how far it is in this very step, so that its count is true
-- whichever worker dies; an attempt that is no longer the current one changes nothing. A job that was packed on the way
-- is not counted: the caller restores it, and asks for it again in the same step. payload.last: it does not any more.
local function for_each(act)
  local by = payload.by
  if by then
    local state, attempt = unpack(redis.call('HMGET', K.job .. by.id, 'state', 'attempt'))
    if state ~= 'running' or tonumber(attempt) ~= by.attempt then return cmsgpack.pack(false) end
  end
  local answers, packed = {}, false
  for n, id in ipairs(payload.ids) do
    local answer = act(id)
    if answer == 'packed' and payload.last then answer = 'unknown' end
    if answer == 'packed' then
      packed = true
    elseif by then
      redis.call('HINCRBY', K.job .. by.id, 'count:' .. answer, 1)
    end
    answers[n] = answer
  end
  if by and not packed then redis.call('HSET', K.job .. by.id, 'place', by.place) end
  return cmsgpack.pack(answers)
end
