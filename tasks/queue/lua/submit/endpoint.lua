-- needs: accounts/audit announcements lane_limits lanes owners/channels owners/everyones
-- An endpoint is created, changed, given a new secret, disabled or deleted; together with it its place in its owner's
-- index, in everyone's and among the subscribers, and what is known of its lane.
-- payload: verb, id, owner (whose it must be; nil: anyone's), of_channel (of which it must be; nil: any), queue, lane,
-- and what the verb needs:
--   create: fields {name, value, …}, rate, cap, ordered (0: none), most, keep_missed_ms; channel and channel_most
--     (endpoints that the channel may have; nil: any number)
--   change: fields, without {name, …}, rate, cap, ordered (nil: as it is), enabled (true, false, or nil: as it is),
--     url_was (the URL that it must still have; nil: any), afresh (its failures are forgotten), keep_missed_ms (for
--     which events are kept that a disabled endpoint missed)
--   rotate: sealed, key_pair, overlap_ms (for which the old ones sign too), most
--   disable: reason, keep_missed_ms
--   delete: job_index and states (its deliveries' indexes), linger_ms
-- key_pair {sealed, public}: of Ed25519, for an endpoint that has none yet; a rotation replaces that of one that has.
-- Answers 'unknown', or: create {name, value, …} | 'full' | 'channel_full'; change {name, value, …} | 'moved'; rotate
-- 'full' | the time at which the old ones end; disable 'done' | 'same' (it was so already); delete 'done'.
local id, key = payload.id, K.endpoint .. payload.id
local lane = K.lane .. payload.queue .. ':' .. payload.lane
local owner = payload.verb == 'create' and payload.owner or redis.call('HGET', key, 'owner')
local verbs = {}

-- The score tells an event's job: 1 if there are filters, else 0; -1 if the endpoint is disabled, and the event is kept
-- for it.
local function subscribe()
  local events, channel, filters, enabled =
    unpack(redis.call('HMGET', key, 'events', 'channel', 'filters', 'enabled'))
  local score = enabled ~= '1' and -1 or filters and 1 or 0
  for _, pattern in ipairs(cjson.decode(events)) do
    local subscribers = K.subscribers .. owner .. ':' .. pattern .. (channel and '#' .. channel or '')
    if score < 0 and payload.keep_missed_ms == 0 then
      redis.call('ZREM', subscribers, id)
    else
      redis.call('ZADD', subscribers, score, id)
    end
  end
end

local function unsubscribe()
  local events, channel = unpack(redis.call('HMGET', key, 'events', 'channel'))
  for _, pattern in ipairs(cjson.decode(events)) do
    redis.call('ZREM', K.subscribers .. owner .. ':' .. pattern .. (channel and '#' .. channel or ''), id)
  end
end

local function change_limits()
  if payload.cap or payload.rate or payload.ordered then set_limits(payload.queue, payload.lane, payload) end
end

local function disable(reason)
  if redis.call('HGET', key, 'enabled') == '0' then return 'same' end
  unsubscribe()
  redis.call('ZADD', K.disabled, now, id)
  redis.call('ZREM', K.failing, id)
  redis.call('HSET', key, 'enabled', 0, 'disabled_reason', reason, 'disabled_at', now, 'changed_at', now)
  local url = redis.call('HGET', key, 'url')
  announce(owner, 'endpoint.disabled', cjson.encode({ endpoint = id, url = url, reason = reason }), {})
  subscribe()
  return 'done'
end

local function add_key_pair()
  if payload.key_pair then redis.call('HSETNX', key, 'key_pairs', cjson.encode({ payload.key_pair })) end
end

function verbs.create()
  if redis.call('ZCARD', K.endpoints .. owner) >= payload.most then return 'full' end
  if payload.channel_most and has_endpoints(owner, payload.channel, payload.channel_most) then return 'channel_full' end
  redis.call('HSET', key, 'owner', owner, 'created_at', now, 'changed_at', now, unpack(payload.fields))
  redis.call('ZADD', K.endpoints .. owner, now, id)
  list_for_everyone(K.endpoints, id, now)
  add_key_pair()
  subscribe()
  if redis.call('HGET', key, 'enabled') ~= '1' then
    redis.call('HSET', key, 'disabled_reason', 'owner', 'disabled_at', now)
    redis.call('ZADD', K.disabled, now, id)
  end
  change_limits()
  return redis.call('HGETALL', key)
end

-- The endpoint is to be enabled: when it was not is what a recovery goes by. What it missed before is kept no more.
local DISABLED_TIMES = 20
local function note_disabled_time()
  local from, known = unpack(redis.call('HMGET', key, 'disabled_at', 'disabled_times'))
  if not from then return end
  local times = {}
  for _, time in ipairs(cjson.decode(known or '[]')) do
    if time[2] > now - payload.keep_missed_ms then times[#times + 1] = time end
  end
  times[#times + 1] = { tonumber(from), now }
  while #times > DISABLED_TIMES do
    times[2][1] = times[1][1] -- one longer time instead of two
    table.remove(times, 1)
  end
  redis.call('HSET', key, 'disabled_times', cjson.encode(times))
end

function verbs.change()
  if payload.url_was and redis.call('HGET', key, 'url') ~= payload.url_was then return 'moved' end
  unsubscribe()
  redis.call('HSET', key, 'changed_at', now, unpack(payload.fields))
  if #payload.without > 0 then redis.call('HDEL', key, unpack(payload.without)) end
  if payload.enabled then
    note_disabled_time()
    redis.call('HSET', key, 'enabled', 1)
    redis.call('HDEL', key, 'disabled_reason', 'disabled_at')
    redis.call('ZREM', K.disabled, id)
  end
  add_key_pair()
  change_limits()
  if payload.afresh then
    redis.call('HDEL', lane, 'failures', 'trips', 'slow', 'failing_since', 'failed_at')
    redis.call('HDEL', key, 'answered')
    redis.call('ZREM', K.failing, id)
    unpark(payload.queue, payload.lane)
  end
  if payload.enabled ~= false or disable('owner') == 'same' then subscribe() end
  return redis.call('HGETALL', key)
end

-- Secrets and key pairs that sign no more are forgotten with the next rotation; the newest comes first and has no end.
local function rotated(newest, known, latest)
  local all = { newest }
  for _, one in ipairs(cjson.decode(known)) do
    one['until'] = math.min(one['until'] or latest, latest)
    if one['until'] > now then all[#all + 1] = one end
  end
  return all
end

function verbs.rotate()
  local latest = now + payload.overlap_ms
  local known, pairs_known = unpack(redis.call('HMGET', key, 'secrets', 'key_pairs'))
  local secrets = rotated({ sealed = payload.sealed }, known, latest)
  if #secrets > payload.most then return 'full' end
  redis.call('HSET', key, 'secrets', cjson.encode(secrets), 'changed_at', now)
  if pairs_known then
    redis.call('HSET', key, 'key_pairs', cjson.encode(rotated(payload.key_pair, pairs_known, latest)))
  end
  return latest
end

function verbs.disable()
  return disable(payload.reason)
end

function verbs.delete()
  unsubscribe()
  redis.call('DEL', key)
  redis.call('ZREM', K.endpoints .. owner, id)
  leave_everyones(K.endpoints, id)
  redis.call('ZREM', K.disabled, id)
  redis.call('ZREM', K.failing, id)
  redis.call('HDEL', lane, 'cap', 'rate', 'ordered', 'next', 'held', 'failures', 'trips', 'slow', 'failing_since',
    'failed_at')
  -- Its deliveries take no slot of its owner's any more.
  redis.call('ZREM', K.unanswered_lanes .. owner, payload.lane)
  make_way(payload.queue, owner)
  unpark(payload.queue, payload.lane)
  -- What still waits fails when it runs, and moves through these indexes until then. One that is empty now could not
  -- expire: it gets an id that is no job's.
  local index, used = K.jobs .. payload.job_index, false
  for _, state in ipairs(payload.states) do used = used or redis.call('EXISTS', index .. ':' .. state) == 1 end
  for _, state in ipairs(used and payload.states or {}) do
    redis.call('ZADD', index .. ':' .. state, 0, '')
    redis.call('PEXPIRE', index .. ':' .. state, payload.linger_ms)
  end
  return 'done'
end

if not owner or payload.owner and payload.owner ~= owner then return cmsgpack.pack('unknown') end
if payload.of_channel and redis.call('HGET', key, 'channel') ~= payload.of_channel then
  return cmsgpack.pack('unknown')
end
if payload.verb ~= 'create' then
  write_when_full()
elseif payload.full then
  return cmsgpack.pack({ answer = 'redis_full' })
end
local enabled, entry = redis.call('HGET', key, 'enabled'), entry_of_endpoint(id)
local answer = verbs[payload.verb]()
move_entry(owner, entry, entry_of_endpoint(id))
write_audit({
  owner = owner,
  id = id,
  before = { enabled = enabled },
  after = { enabled = redis.call('HGET', key, 'enabled'), fields = payload.fields and names_of(payload.fields) },
})
return cmsgpack.pack(answer)
