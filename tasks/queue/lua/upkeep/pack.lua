-- needs: blobs
-- Records of ended jobs are packed (tasks/queue/records/packing.py), and some more are taken that are due.
-- payload: records {{id, finished_at, dropped {name, …}, pieces {text, …}, stand_ins {name, value, …}, blobs
-- {sha256, …}}, …}; take (ids), before (ms: jobs that ended earlier are due), keep {delivered, missed, tombstone} (ms).
-- Answers packed (how many) and ids {…} (taken).

-- An event whose deliveries have all succeeded is kept as long as these, or for endpoints that missed it; or nil.
local function event_left(fields)
  if fields.kind ~= 'event' then return end
  for name, value in pairs(fields) do
    if string.match(name, '^tally:') and name ~= 'tally:succeeded' and value ~= '0' then return end
  end
  return math.max(payload.keep.delivered, fields.missed and payload.keep.missed or 0)
end

local function pack(one)
  local key = K.job .. one.id
  local found, fields = redis.call('HGETALL', key), {}
  for at = 1, #found, 2 do fields[found[at]] = found[at + 1] end
  -- It may have been run again meanwhile, or packed by another.
  if fields.finished_at ~= one.finished_at or fields['0'] then return end
  local left = redis.call('PTTL', key)
  -- A process of another version, or with other settings, may have ended it.
  if fields.expires_at then left = math.max(left, tonumber(fields.expires_at) - now + payload.keep.tombstone) end
  local sooner = event_left(fields)
  if sooner and sooner + payload.keep.tombstone < left then
    left, fields.expires_at = sooner + payload.keep.tombstone, string.format('%.0f', now + sooner)
    redis.call('PEXPIRE', K.jobs .. 'event/' .. one.id, left)
  end
  for _, name in ipairs(one.dropped) do fields[name] = nil end
  local kept = one.stand_ins
  for name, value in pairs(fields) do
    kept[#kept + 1] = name
    kept[#kept + 1] = value
  end
  for n, piece in ipairs(one.pieces) do
    kept[#kept + 1] = n - 1
    kept[#kept + 1] = piece
  end
  -- Only a new key is stored in one piece of memory again. A full Redis takes what a script writes after a DEL.
  redis.call('DEL', key)
  redis.call('HSET', key, unpack(kept))
  if left > 0 then
    redis.call('PEXPIRE', key, left)
    -- Reconciliation renews the need of blobs that a record names, which this one does not any more.
    need_blobs(one.id, one.blobs, left)
  end
  return true
end

local function take()
  local ids = {}
  -- Many may be gone, so that the number that is looked at has a bound too.
  for _ = 1, 10 * payload.take do
    if #ids == payload.take then break end
    local id = redis.call('LINDEX', K.unpacked, 0)
    if not id then break end
    local finished_at = redis.call('HGET', K.job .. id, 'finished_at')
    if finished_at and tonumber(finished_at) > payload.before then break end
    redis.call('LPOP', K.unpacked)
    if finished_at then ids[#ids + 1] = id end
  end
  return ids
end

local packed = 0
for _, one in ipairs(payload.records) do
  if pack(one) then packed = packed + 1 end
end
return cmsgpack.pack({ packed = packed, ids = take() })
