-- needs: accounts/audit blobs owners/everyones owners/rates
-- A schedule is created, changed or deleted, or a built-in one is installed or retired; together with it its timer, its
-- place in its owner's index and everyone's, which is without those that are built in, and its need of blobs.
-- payload: verb, id, owner, and what the verb needs; due: milliseconds, or 'inf' for a paused one (nil: as it is):
--   create: fields {name, value, …}, blobs {sha256, …}, due, most, rates (`find_haste`), seen (of `find_swept`) or nil
--   change: fields, without {name, …}, due
--   delete: blobs
--   install: fields, cron and timezone (as in fields), due
--   retire: as delete, unless it was installed within the last unseen_ms
-- Answers answer: 'done', 'unknown', 'full', 'too_fast' (`find_haste`), 'redis_full', or 'swept' (blob, mark, left_ms:
-- look whether it is there, repeat this).
local id, key, owner = payload.id, K.schedule .. payload.id, payload.owner
local index, holder = K.schedules .. ':' .. owner, 'schedule:' .. payload.id
local verbs = {}

function verbs.create()
  if redis.call('ZCARD', index) >= payload.most then return { answer = 'full' } end
  local refused = find_swept(payload.blobs, payload.seen or {}, 0) or find_haste('schedules', owner, 1)
  if refused then return refused end
  spend()
  redis.call('HSET', key, 'owner', owner, 'created_at', now, 'revision', 1, unpack(payload.fields))
  redis.call('ZADD', index, now, id)
  list_for_everyone(K.schedules .. ':', id, now)
  redis.call('ZADD', K.schedules, payload.due, id)
  need_blobs(holder, payload.blobs, 0)
  return { answer = 'done' }
end

function verbs.change()
  if #payload.fields > 0 then redis.call('HSET', key, unpack(payload.fields)) end
  if #payload.without > 0 then redis.call('HDEL', key, unpack(payload.without)) end
  redis.call('HINCRBY', key, 'revision', 1)
  if payload.due then redis.call('ZADD', K.schedules, payload.due, id) end
  return { answer = 'done' }
end

function verbs.delete()
  redis.call('DEL', key, K.runs .. id)
  redis.call('ZREM', K.schedules, id)
  redis.call('ZREM', index, id)
  leave_everyones(K.schedules .. ':', id)
  give_up_blobs(holder, payload.blobs, owner)
  return { answer = 'done' }
end

-- One that is known keeps its due time, so that what fell due during a deploy is not forgotten; unless it is due at
-- other times now.
function verbs.install()
  local cron, timezone, paused = unpack(redis.call('HMGET', key, 'cron', 'timezone', 'paused'))
  local fields, changed = payload.fields, false
  for n = 1, #fields, 2 do changed = changed or redis.call('HGET', key, fields[n]) ~= fields[n + 1] end
  local moved = cron ~= payload.cron or timezone ~= payload.timezone
  if changed then
    redis.call('HSETNX', key, 'created_at', now)
    redis.call('HSET', key, 'owner', owner, unpack(fields))
    redis.call('HINCRBY', key, 'revision', 1)
  end
  redis.call('HSET', key, 'installed_at', now)
  redis.call('ZADD', index, 'NX', now, id)
  if moved and paused ~= '1' then
    redis.call('ZADD', K.schedules, payload.due, id)
  else
    redis.call('ZADD', K.schedules, 'NX', paused == '1' and 'inf' or payload.due, id)
  end
  return { answer = 'done' }
end

function verbs.retire()
  local installed = tonumber(redis.call('HGET', key, 'installed_at') or 0)
  return now - installed < payload.unseen_ms and { answer = 'done' } or verbs.delete()
end

if payload.verb == 'change' or payload.verb == 'delete' or payload.verb == 'retire' then
  if redis.call('HGET', key, 'owner') ~= owner then return cmsgpack.pack({ answer = 'unknown' }) end
end
if payload.verb ~= 'create' then
  write_when_full()
elseif payload.full then
  return cmsgpack.pack({ answer = 'redis_full' })
end
local answer = verbs[payload.verb]()
if answer.answer == 'done' then
  write_audit({ owner = owner, id = id, after = { fields = payload.fields and names_of(payload.fields) } })
end
return cmsgpack.pack(answer)
