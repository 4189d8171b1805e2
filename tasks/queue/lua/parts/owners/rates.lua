-- How much an owner may ask for in a minute, by payload.rates: name → a minute's worth (0 or nil: any number). Kept is
-- the time at which all that the owner had is paid for; a minute's worth may be had in advance. The key expires then.
local MINUTE_MS = 60000
local spent = {}

-- What keeps the owner from so much more; nil: nothing does. What it asks for is spent by `spend`. More than a minute's
-- worth at once is allowed while nothing is owed.
local function find_haste(name, owner, amount)
  local per_minute = payload.rates and payload.rates[name] or 0
  if per_minute == 0 then return end
  local key, cost = K.rate .. name .. ':' .. owner, amount * MINUTE_MS / per_minute
  local owed = math.max(tonumber(redis.call('GET', key) or 0) - now, 0)
  if owed > 0 and owed + cost > MINUTE_MS then
    return { answer = 'too_fast', what = name, limit = per_minute,
      wait_ms = math.ceil(owed - math.max(MINUTE_MS - cost, 0)) }
  end
  spent[key] = math.ceil(owed + cost)
end

local function spend()
  for key, owed in pairs(spent) do redis.call('SET', key, string.format('%.0f', now + owed), 'PX', owed) end
end
