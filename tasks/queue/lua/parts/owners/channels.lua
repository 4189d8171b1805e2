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

-- Of the owner's endpoints, these are looked at without a pause: a few milliseconds.
local LOOK_AT_ONCE = 500

-- Go on making the index, by one look at each endpoint of the owner. Answers whether it is made. As long as it is not,
-- it has no empty entry but ' <number of endpoints to look at>', from the oldest; changes are noted in it from the
-- beginning. It expires and is made again, whatever uses it: what a process of an earlier version changed without it is
-- right by then.
local function make_channel_index(owner)
  local index = K.channel_endpoints .. owner
  local progress = redis.call('ZRANGE', index, 0, 0)[1]
  if progress == '' then return true end
  local left = tonumber(progress) or redis.call('ZCARD', K.endpoints .. owner)
  local next_left = math.max(left - LOOK_AT_ONCE, 0)
  local entries = { 0, next_left > 0 and ' ' .. next_left or '' }
  -- From the newest: when one is deleted meanwhile, those that are left keep their ranks, or are looked at twice.
  local known = left > 0 and redis.call('ZRANGE', K.endpoints .. owner, next_left, left - 1, 'WITHSCORES') or {}
  for place = 1, #known, 2 do
    local channel = redis.call('HGET', K.endpoint .. known[place], 'channel')
    if channel then
      entries[#entries + 1] = 0
      entries[#entries + 1] = channel_entry(channel, tonumber(known[place + 1]), known[place])
    end
  end
  redis.call('ZADD', index, unpack(entries))
  if progress then redis.call('ZREM', index, progress) else redis.call('PEXPIRE', index, K.channel_index_ms) end
  return next_left == 0
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

-- Whether a channel has so many endpoints. Entries that are no longer true leave the index. It has been made before,
-- unless it expired since.
local function has_endpoints(owner, channel, most)
  local index, first, last = K.channel_endpoints .. owner, channel_bounds(channel)
  local entries, untrue
  repeat until make_channel_index(owner)
  repeat
    untrue = 0
    entries = redis.call('ZRANGEBYLEX', index, first, last, 'LIMIT', 0, most)
    for _, entry in ipairs(#entries < most and {} or entries) do
      if entry_of_endpoint(id_of_entry(entry)) ~= entry then untrue = untrue + redis.call('ZREM', index, entry) end
    end
  until untrue == 0
  return #entries >= most
end
