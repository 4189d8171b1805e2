-- needs: owners/channels
-- A page of the endpoints of a channel, newest first. payload: owner, channel, limit, after (created_at and id of the
-- last one of the page before; nil: from the newest). Answers ids, and after, if more follow; false: ask again, the
-- index is being made.
local index, first, last = K.channel_endpoints .. payload.owner, channel_bounds(payload.channel)
if not redis.call('ZSCORE', index, '') then
  write_when_full()
  if not make_channel_index(payload.owner) then return cmsgpack.pack(false) end
end
local after = payload.after
if after then last = '(' .. channel_entry(payload.channel, after.created_at, after.id) end
local entries = redis.call('ZREVRANGEBYLEX', index, last, first, 'LIMIT', 0, payload.limit + 1)
local answer = { ids = {} }
for place = 1, math.min(#entries, payload.limit) do answer.ids[place] = id_of_entry(entries[place]) end
if #entries > payload.limit then
  local created_at, id = string.match(entries[payload.limit], ' (%d+) ([^ ]+)$')
  answer.after = { created_at = tonumber(created_at), id = id }
end
return cmsgpack.pack(answer)
