-- needs: announcements
-- Alerts that hold are told when they begin, and when they are over.
-- payload: holding {{key ('<alert> <subject>'), owners {…}, data (JSON)}, …}.
-- Answers fired {data, …}, resolved {data, …}. What is told at the end is what was told at the beginning, so that its
-- `id` fits.
local fired, resolved, holds = {}, {}, {}
local AT_ONCE = 100 -- alerts that begin or end in one script; others do in the next minute

local function announce_to_owners(type, alert)
  for _, owner in ipairs(alert.owners) do announce(owner, type, alert.data, {}) end
end

for _, alert in ipairs(payload.holding) do holds[alert.key] = true end
for _, alert in ipairs(payload.holding) do
  if #fired == AT_ONCE then break end
  local text = cjson.encode({ owners = alert.owners, data = alert.data })
  if redis.call('HSETNX', K.alerts, alert.key, text) == 1 then
    announce_to_owners('alert.fired', alert)
    fired[#fired + 1] = alert.data
  end
end
for _, key in ipairs(redis.call('HKEYS', K.alerts)) do
  if #fired + #resolved == AT_ONCE then break end
  if not holds[key] then
    local alert = cjson.decode(redis.call('HGET', K.alerts, key))
    redis.call('HDEL', K.alerts, key)
    announce_to_owners('alert.resolved', alert)
    resolved[#resolved + 1] = alert.data
  end
end
return cmsgpack.pack({ fired = fired, resolved = resolved })
