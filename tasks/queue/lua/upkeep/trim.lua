-- An index loses those of its members that are gone, or in a state that is not its own.
-- payload: index, members, key (how the keys of what they name begin), state (that they should be in) or nil, dry (change nothing).
-- Answers how many.
local gone = {}
for _, member in ipairs(payload.members) do
  local state = payload.state and redis.call('HGET', payload.key .. member, 'state')
  if payload.state and state ~= payload.state or not payload.state and redis.call('EXISTS', payload.key .. member) == 0 then
    gone[#gone + 1] = member
  end
end
if #gone > 0 and not payload.dry then redis.call('ZREM', payload.index, unpack(gone)) end
return cmsgpack.pack(#gone)
