-- What needs blobs, and which of them the cleanup may have deleted.

-- A blob is remembered from the time at which it is first needed: a job that is delayed for weeks needs it as much.
-- sizes: sha256 → bytes of those that are known, or nil. Returns how many of these bytes nothing has needed before.
local function need_blobs(holder, blobs, delay_ms, sizes)
  local added = 0
  for _, blob in ipairs(blobs) do
    local key = K.blob .. blob
    redis.call('SADD', key, holder)
    local left_ms = redis.call('PTTL', key)
    if left_ms < 0 and sizes then added = added + (sizes[blob] or 0) end
    if left_ms < K.blob_ms + delay_ms then redis.call('PEXPIRE', key, K.blob_ms + delay_ms) end
  end
  return added
end

-- What is deleted needs its blobs no more. They are deleted soon, unless something else needs them
-- (tasks/maintenance/deleted_bytes.py). owner: whose they were; nil: as noted before.
local function give_up_blobs(holder, blobs, owner)
  for _, blob in ipairs(blobs) do
    redis.call('SREM', K.blob .. blob, holder)
    redis.call('ZADD', K.unneeded, now, blob)
    if owner then redis.call('HSET', K.unneeded_of, blob, owner) end
  end
  if #blobs > 0 then
    redis.call('PEXPIRE', K.unneeded, K.unneeded_ms)
    redis.call('PEXPIRE', K.unneeded_of, K.unneeded_ms)
  end
end

-- The name of what needs the blobs of a job whose record is in the history (`holder_of` in tasks/history/kept.py). It
-- says all that is asked of it: expires_at (ms), owner.
local function kept_holder(name)
  local seconds, owner = string.match(name, '^(%d+)/([^/]+)/')
  return { expires_at = (tonumber(seconds) or 0) * 1000, owner = owner }
end

-- A blob that the cleanup has marked may be gone, though its bytes have just been sent: look for it in storage before
-- it is needed (tasks/maintenance/sweep.py). seen: sha256 → the mark under which it was found there; since: the
-- earliest time at which the bytes were sent. Returns {answer = 'swept', blob, mark, left_ms (until its deletion is
-- over)}, or nil.
local function find_swept(blobs, seen, since)
  for _, blob in ipairs(blobs) do
    local mark = redis.call('GET', K.swept .. blob)
    if mark then
      local until_ms = tonumber(string.match(mark, '%d+'))
      if until_ms > now or seen[blob] ~= mark and until_ms >= since then
        return { answer = 'swept', blob = blob, mark = mark, left_ms = math.max(until_ms - now, 0) }
      end
    end
  end
end
