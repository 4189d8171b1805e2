-- An index loses those of its members that are gone, or in a state that is not its own.
-- payload: index, members, key (prefix of the keys of what they name), state (that they should be in) or nil, dry
-- (change nothing). Answers how many.
local gone = {}
for _, member in ipairs(payload.members) do
  local key = payload.key .. member
  local belongs
  if payload.state then
    belongs = redis.call('HGET', key, 'state') == payload.state
  else
    belongs = redis.call('EXISTS', key) == 1
  end
  if not belongs then gone[#gone + 1] = member end
end
if #gone > 0 and not payload.dry then redis.call('ZREM', payload.index, unpack(gone)) end
return cmsgpack.pack(#gone)
