-- API keys: reading their records, and telling web processes that one has changed.

local function number_text(number) return string.format('%.0f', number) end

-- The fields of a key by name; nil if there is no such key.
local function read_key(id)
  local found = redis.call('HGETALL', K.api_key .. id)
  if #found == 0 then return nil end
  local fields = {}
  for at = 1, #found, 2 do fields[found[at]] = found[at + 1] end
  return fields
end

-- Whether a key with this id opens something now.
local function is_live(id)
  local key = id and read_key(id)
  return key and not key.revoked_at and (not key.expires_at or tonumber(key.expires_at) > now) or false
end

local function announce_key(id) redis.call('PUBLISH', K.accounts, 'key ' .. id) end

-- Drop the ids of a list whose keys are no longer remembered.
local function drop_gone_keys(list)
  for _, id in ipairs(redis.call('ZRANGE', list, 0, -1)) do
    if redis.call('EXISTS', K.api_key .. id) == 0 then
      redis.call('ZREM', list, id)
      redis.call('ZREM', K.api_keys, id)
    end
  end
end
