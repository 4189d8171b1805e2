-- needs: accounts/audit lane_ids lane_limits queues/made
-- An owner's record is made or changed, or the owner is suspended or resumed; together with it what its jobs and
-- schedules go by. Processes that know the owner are told of it.
-- payload: verb ('create' | 'change' | 'suspend' | 'resume'), owner, fields {name, value, …}, without {name, …}, and
-- quotas {name = number, or false for what the settings say}: those that change.
-- Answers 'known' (create) | 'unknown' (the others) | {name, value, …}, the record.
local owner, key, verbs = payload.owner, K.owner .. payload.owner, {}

-- Claims look at the owners of lanes only while some are suspended.
local function note_suspended()
  local owners = redis.call('HLEN', K.suspended)
  for _, queue in ipairs(all_queues()) do
    if owners > 0 then
      redis.call('HSET', K.queue .. queue, 'suspended', owners)
    else
      redis.call('HDEL', K.queue .. queue, 'suspended')
    end
  end
end

-- The owner's quotas, as they become, in JSON. cjson would round large numbers to 14 digits.
local function merged_quotas()
  local quotas, members = cjson.decode(redis.call('HGET', key, 'quotas') or '{}'), {}
  for name, number in pairs(payload.quotas) do quotas[name] = number or nil end
  for name, number in pairs(quotas) do members[#members + 1] = string.format('"%s":%.0f', name, number) end
  table.sort(members)
  return '{' .. table.concat(members, ',') .. '}'
end

local function change()
  redis.call('HSET', key, 'changed_at', now, 'quotas', merged_quotas(), unpack(payload.fields))
  if #payload.without > 0 then redis.call('HDEL', key, unpack(payload.without)) end
  local running = payload.quotas.running_jobs
  for _, queue in ipairs(running ~= nil and all_queues() or {}) do
    set_limits(queue, owner_lane(owner), { cap = running or 0 })
  end
end

function verbs.create()
  redis.call('HSET', key, 'created_at', now)
  redis.call('ZADD', K.owners, now, owner)
  change()
end

function verbs.change()
  change()
end

-- One that is suspended already keeps its time.
function verbs.suspend()
  if redis.call('HSETNX', K.suspended, owner, now) == 1 then redis.call('HSET', key, 'suspended_at', now) end
  change()
  note_suspended()
end

function verbs.resume()
  redis.call('HDEL', K.suspended, owner)
  redis.call('HDEL', key, 'suspended_at', 'reason')
  change()
  note_suspended()
  -- Lanes of receivers follow when their time is over.
  for _, queue in ipairs(all_queues()) do unpark(queue, owner_lane(owner)) end
end

-- What the audit log has of it.
local function fields_of_list(list)
  local fields = {}
  for n = 1, #list, 2 do
    if list[n] ~= 'created_at' and list[n] ~= 'changed_at' then fields[list[n]] = list[n + 1] end
  end
  return fields
end

local before = redis.call('HGETALL', key)
local known = #before > 0
if payload.verb == 'create' then
  if known then return cmsgpack.pack('known') end
  if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
else
  if not known then return cmsgpack.pack('unknown') end
  write_when_full()
end
verbs[payload.verb]()
local after = redis.call('HGETALL', key)
write_audit({ owner = owner, id = owner, before = fields_of_list(before), after = fields_of_list(after) })
redis.call('PUBLISH', K.accounts, 'owner ' .. owner)
return cmsgpack.pack(after)
