-- needs: accounts/audit queues/made queues/making
-- A queue is made or changed, deleted, or expires. payload: verb, queue, and set {name = value, or false to remove it;
-- …} of its hash, owner and max_queues (put). Answers of put and delete 'done', 'too_many_queues' or 'in_use'; of
-- expire, which looks at all that were made, the names of those that it has removed.
local queue, verbs = payload.queue, {}

local function remove(name)
  redis.call('ZREM', K.queues, name)
  redis.call('DEL', K.queue .. name, K.turns .. name, K.service_turns .. name, K.full .. name, K.parked .. name,
    K.suspects .. name, K.quarantine .. name, K.wake .. name, K.slots .. name)
end

local function settings_of(name)
  local found = {}
  for setting in pairs(payload.set) do found[setting] = redis.call('HGET', K.queue .. name, setting) or nil end
  return found
end

function verbs.put()
  if can_be_made(queue) then
    if find_queue_refusal(queue, payload.owner, payload.max_queues) then return 'too_many_queues' end
    make_queue(queue, payload.owner)
  end
  local before = settings_of(queue)
  for setting, value in pairs(payload.set) do
    if value then
      redis.call('HSET', K.queue .. queue, setting, value)
    else
      redis.call('HDEL', K.queue .. queue, setting)
    end
  end
  write_audit({ id = queue, before = before, after = settings_of(queue) })
  return 'done'
end

function verbs.delete()
  if live_jobs(queue) > 0 then return 'in_use' end
  remove(queue)
  write_audit({ id = queue, before = { name = queue } })
  return 'done'
end

-- One with jobs is in use, and so is one that a worker serves: each claim notes that. One that is paused stays, for its
-- next job would run.
function verbs.expire()
  local removed = {}
  for _, name in ipairs(made_queues()) do
    local seen, paused = unpack(redis.call('HMGET', K.queue .. name, 'seen', 'paused'))
    local used = math.max(tonumber(redis.call('ZSCORE', K.queues, name)), tonumber(seen or 0))
    if live_jobs(name) > 0 then
      redis.call('ZADD', K.queues, now, name)
    elseif not paused and used + K.queue_idle_ms <= now then
      remove(name)
      removed[#removed + 1] = name
    end
  end
  return removed
end

return cmsgpack.pack(verbs[payload.verb]())
