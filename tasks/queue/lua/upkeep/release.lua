-- needs: blobs
-- Does anything need these blobs? What is gone is forgotten, what lives is remembered for longer, and a blob that
-- nothing needs may be marked for deletion.
-- payload: blobs {sha256, …}, mark, dry (change nothing), fresh (the storage was asked about these just now).
-- Answers for each 'needed' | 'busy' (another cleanup deletes it) | 'gone' (it was deleted lately: the listing that has
-- it is old) | 'free' (nothing needs it).
local PART, PARTS = 200, 10

-- A holder is a job's id, or the name of another kind of thing and its id; one of a kind that is not known here counts
-- as alive. A job whose record is in the history says itself until when it lives.
local PLACES = { upload = K.upload, schedule = K.schedule }
local function lives(holder)
  local kind, name = string.match(holder, '^(%l+):(.*)$')
  if kind == 'kept' then return kept_holder(name).expires_at + K.linger_ms > now end
  if kind then return not PLACES[kind] or redis.call('EXISTS', PLACES[kind] .. name) == 1 end
  local state, expires_at = unpack(redis.call('HMGET', K.job .. holder, 'state', 'expires_at'))
  return state and (not expires_at or tonumber(expires_at) + K.linger_ms > now)
end

-- A blob may have had a great many holders: what is left after some parts is examined the next time.
local function is_needed(key)
  local cursor, found = '0', false
  for _ = 1, PARTS do
    local part, gone = redis.call('SSCAN', key, cursor, 'COUNT', PART), {}
    cursor = part[1]
    for _, holder in ipairs(part[2]) do
      if lives(holder) then
        found = true
        break
      end
      gone[#gone + 1] = holder
    end
    if #gone > 0 and not payload.dry then redis.call('SREM', key, unpack(gone)) end
    if found or cursor == '0' then break end
  end
  if found and not payload.dry and redis.call('PTTL', key) < K.blob_ms / 2 then
    redis.call('PEXPIRE', key, K.blob_ms)
  end
  return found or cursor ~= '0'
end

local function release(blob)
  local mark = redis.call('GET', K.swept .. blob)
  local ends, gone = string.match(mark or '', '^(%d+)(.*)$')
  if ends and tonumber(ends) > now then return 'busy' end
  if is_needed(K.blob .. blob) then return 'needed' end
  -- Listed are only blobs that are older than any mark that is left of a deletion.
  if payload.mark and not payload.fresh and gone == ' gone' then return 'gone' end
  if not payload.dry then
    redis.call('DEL', K.blob .. blob)
    if payload.mark then
      redis.call('SET', K.swept .. blob, string.format('%.0f', now + K.sweeping_ms), 'PX', K.sweeping_ms + K.swept_ms)
    end
  end
  return 'free'
end

local answers = {}
for n, blob in ipairs(payload.blobs) do answers[n] = release(blob) end
return cmsgpack.pack(answers)
