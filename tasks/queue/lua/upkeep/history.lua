-- needs: blobs counters
-- Which records of ended jobs are in the storage, and in which object (tasks/history/upkeep.py). payload: verb, and
--   begin: above (no number up to it is given; nil: 0). Answers number, of a new object, which is being written from
--     now on, and now (ms).
--   commit: number, records {{id, state, expires_at, bucket, member, indexes {…}, kind, job_indexes, kept}, …}.
--     They leave Redis, those that are as they were read. kept {holder, blobs}: of one whose time is not over, what
--     needs its files from now on. Answers how many.
--   index: number, places {{bucket, member}, …}, kept {{holder, blobs, left_ms}, …}. The object has these, whatever had
--     them before.
--   carry: number, former, places {{bucket, member}, …}. The object has those that the former one had until now.
--   written: number. It has no lines which nothing points to.
--   erase: bucket, member, id, kept {holder, blobs, owner} or nil. Answers whether the history had it.
--   pending: Answers {{number, seen}, …}: objects that may have lines which nothing points to.
--   tidied: number, seen (as `pending` answered). The object has such lines no more.
--   forget: number, places {{bucket, member}, …}. What points to the object is removed.
--   expired: number, unreadable. This object and all before it are gone. unreadable: true if this one is left behind,
--     since the storage does not give it; it is noted until it has expired too.
local PENDING = 100
local verbs = {}

function verbs.begin()
  local above = payload.above or 0
  if tonumber(redis.call('HGET', K.history, 'last') or 0) < above then redis.call('HSET', K.history, 'last', above) end
  local number = redis.call('HINCRBY', K.history, 'last', 1)
  redis.call('ZADD', K.history_writing, now, number)
  return { number = number, now = now }
end

-- An object may have lines which nothing points to.
local function note_erasure(number)
  local seen = redis.call('ZSCORE', K.history_erasures, number)
  redis.call('ZADD', K.history_erasures, (tonumber(seen) or 0) + 1, number)
end

local function move_record(one)
  local state, expires_at = unpack(redis.call('HMGET', K.job .. one.id, 'state', 'expires_at'))
  if state ~= one.state or expires_at ~= one.expires_at then return false end
  if one.kept then
    -- Jobs that wait for it, or that its success may yet free, ask for its record.
    if redis.call('EXISTS', K.after .. one.id, K.freed_by .. one.id) > 0 then return false end
    need_blobs(one.kept.holder, one.kept.blobs, math.max(tonumber(expires_at) - now, 0))
    for _, blob in ipairs(one.kept.blobs) do redis.call('SREM', K.blob .. blob, one.id) end
  end
  -- An ARQ client may have used an id again whose former job was moved.
  local former = redis.call('HGET', K.history_ids .. one.bucket, one.member)
  if former then note_erasure(former) end
  redis.call('HSET', K.history_ids .. one.bucket, one.member, payload.number)
  for _, index in ipairs(one.indexes) do redis.call('ZREM', K.jobs .. index, one.id) end
  redis.call('DEL', K.job .. one.id)
  count('moved', label_of(one.kind, one.job_indexes), '')
  return true
end

function verbs.commit()
  local moved = 0
  -- Unless this writer has been given up: the object may have been tidied before it was written.
  if redis.call('ZREM', K.history_writing, payload.number) == 1 then
    for _, one in ipairs(payload.records) do
      if move_record(one) then moved = moved + 1 end
    end
  end
  if moved < #payload.records then note_erasure(payload.number) end
  return moved
end

function verbs.index()
  for _, place in ipairs(payload.places) do
    redis.call('HSET', K.history_ids .. place.bucket, place.member, payload.number)
  end
  for _, one in ipairs(payload.kept) do need_blobs(one.holder, one.blobs, one.left_ms) end
  return true
end

function verbs.carry()
  local carried = 0
  for _, place in ipairs(payload.places) do
    local key = K.history_ids .. place.bucket
    if redis.call('HGET', key, place.member) == tostring(payload.former) then
      redis.call('HSET', key, place.member, payload.number)
      carried = carried + 1
    end
  end
  if redis.call('ZREM', K.history_writing, payload.number) == 0 or carried < #payload.places then
    note_erasure(payload.number)
  end
  return carried
end

function verbs.written()
  return redis.call('ZREM', K.history_writing, payload.number)
end

function verbs.erase()
  local key = K.history_ids .. payload.bucket
  local number = redis.call('HGET', key, payload.member)
  if not number then return false end
  redis.call('HDEL', key, payload.member)
  note_erasure(number)
  local kept = payload.kept
  if kept then
    give_up_blobs(kept.holder, kept.blobs, kept.owner)
    -- The original of a picture (tasks/uploads/originals.py).
    local original = redis.call('HGET', K.upload .. payload.id, 'blob')
    if original then
      redis.call('DEL', K.upload .. payload.id)
      give_up_blobs('upload:' .. payload.id, { original }, kept.owner)
    end
  end
  return true
end

function verbs.pending()
  local late = redis.call('ZRANGEBYSCORE', K.history_writing, '-inf', now - K.history_writing_ms, 'LIMIT', 0, PENDING)
  for _, number in ipairs(late) do
    redis.call('ZREM', K.history_writing, number)
    note_erasure(number)
  end
  local found, answer = redis.call('ZRANGE', K.history_erasures, 0, PENDING - 1, 'WITHSCORES'), {}
  for at = 1, #found, 2 do
    answer[#answer + 1] = { number = found[at], seen = found[at + 1] }
  end
  return answer
end

-- If more was erased meanwhile, or another process did the same, nobody can tell what the object has now.
function verbs.tidied()
  if redis.call('ZSCORE', K.history_erasures, payload.number) == payload.seen then
    redis.call('ZREM', K.history_erasures, payload.number)
  else
    note_erasure(payload.number)
  end
  return true
end

function verbs.forget()
  for _, place in ipairs(payload.places) do
    local key = K.history_ids .. place.bucket
    if redis.call('HGET', key, place.member) == tostring(payload.number) then redis.call('HDEL', key, place.member) end
  end
  return true
end

function verbs.expired()
  local first = tonumber(redis.call('HGET', K.history, 'first') or 0)
  redis.call('HSET', K.history, 'first', math.max(first, payload.number))
  if payload.unreadable then
    redis.call('HSET', K.history, 'unreadable:' .. payload.number, now)
  else
    redis.call('HDEL', K.history, 'unreadable:' .. payload.number)
    redis.call('ZREM', K.history_erasures, payload.number)
  end
  return true
end

return cmsgpack.pack(verbs[payload.verb]())
