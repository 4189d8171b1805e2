-- needs: owners/channels
-- A page of the endpoints of a channel, newest first. payload: owner, channel, limit, after (created_at and id of the
-- last one of the page before; nil: from the newest). Answers ids, and after, if more follow.
if redis.call('EXISTS', K.channel_endpoints .. payload.owner) == 0 then write_when_full() end
local index, first, last = fill_channel_index(payload.owner), channel_bounds(payload.channel)
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
