-- An owner's endpoints by channel, for portals: a zset in which all scores are 0, so that its entries stand in the
-- order of their bytes. An entry is '<channel> <created_at, 16 digits> <id>'; no channel has a space. The empty entry
-- says that the index is there, also if no endpoint has a channel.

-- How all entries of a channel begin.
local function channel_prefix(channel)
  return channel .. ' '
end

local function channel_entry(channel, created_at, id)
  return channel_prefix(channel) .. string.format('%016d %s', created_at, id)
end

-- Between these are all entries of a channel: '!' comes next after the space.
local function channel_bounds(channel)
  return '[' .. channel_prefix(channel), '(' .. channel .. '!'
end

local function id_of_entry(entry)
  return string.match(entry, '[^ ]*$')
end

-- Redis' Lua unpacks fewer than 8,000 values.
local ENTRIES_AT_ONCE = 1000

-- Made by one look at each endpoint of the owner. It expires and is made again, whatever uses it: what a process of an
-- earlier version changed without it is right by then.
local function fill_channel_index(owner)
  local index = K.channel_endpoints .. owner
  if redis.call('EXISTS', index) == 1 then return index end
  redis.call('ZADD', index, 0, '')
  redis.call('PEXPIRE', index, K.channel_index_ms)
  local known, entries = redis.call('ZRANGE', K.endpoints .. owner, 0, -1, 'WITHSCORES'), {}
  for place = 1, #known, 2 do
    local channel = redis.call('HGET', K.endpoint .. known[place], 'channel')
    if channel then
      entries[#entries + 1] = 0
      entries[#entries + 1] = channel_entry(channel, tonumber(known[place + 1]), known[place])
    end
    if #entries == ENTRIES_AT_ONCE or #entries > 0 and place == #known - 1 then
      redis.call('ZADD', index, unpack(entries))
      entries = {}
    end
  end
  return index
end

-- The entry that an endpoint's record stands for; nil if it has no channel, or there is none.
local function entry_of_endpoint(id)
  local channel, created_at = unpack(redis.call('HMGET', K.endpoint .. id, 'channel', 'created_at'))
  return channel and channel_entry(channel, tonumber(created_at) or 0, id) or nil
end

-- An endpoint was changed: in an index that is there, the entry after the change takes the place of that before.
local function move_entry(owner, before, after)
  local index = K.channel_endpoints .. owner
  if before == after or redis.call('EXISTS', index) == 0 then return end
  if before then redis.call('ZREM', index, before) end
  if after then redis.call('ZADD', index, 0, after) end
end

-- Whether a channel has so many endpoints. Entries that are no longer true leave the index.
local function has_endpoints(owner, channel, most)
  local index, first, last = fill_channel_index(owner), channel_bounds(channel)
  local entries, untrue
  repeat
    untrue = 0
    entries = redis.call('ZRANGEBYLEX', index, first, last, 'LIMIT', 0, most)
    for _, entry in ipairs(#entries < most and {} or entries) do
      if entry_of_endpoint(id_of_entry(entry)) ~= entry then untrue = untrue + redis.call('ZREM', index, entry) end
    end
  until untrue == 0
  return #entries >= most
end
