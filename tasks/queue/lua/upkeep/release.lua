-- Does anybody need these blobs? Who is gone is forgotten, who lives is remembered for longer, and what nobody needs may be marked for deletion.
-- payload: blobs {sha256, …}, mark, dry (change nothing). Answers for each 'needed' | 'busy' (another cleanup deletes it) |
-- 'gone' (it has lately been deleted: the listing that names it is old) | 'free' (nobody needs it).
local PART, PARTS = 200, 10

-- Who needs a blob is a job, or of another kind that the name begins with; one that is not known here lives for ever.
local PLACES = { upload = K.upload, schedule = K.schedule }
local function lives(holder)
  local kind, name = string.match(holder, '^(%l+):(.*)$')
  if kind then return not PLACES[kind] or redis.call('EXISTS', PLACES[kind] .. name) == 1 end
  local r = redis.call('HMGET', K.job .. holder, 'state', 'expires_at')
  return r[1] and (not r[2] or tonumber(r[2]) + K.linger_ms > now)
end

-- A blob may have had a great many: what is left after some parts is looked at the next time.
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
  if found and not payload.dry and redis.call('PTTL', key) < K.blob_ms / 2 then redis.call('PEXPIRE', key, K.blob_ms) end
  return found or cursor ~= '0'
end

local function release(blob)
  local mark = redis.call('GET', K.swept .. blob)
  local ends, gone = string.match(mark or '', '^(%d+)(.*)$')
  if ends and tonumber(ends) > now then return 'busy' end
  if is_needed(K.blob .. blob) then return 'needed' end
  -- Listed are only blobs that are older than any mark that is left of a deletion.
  if payload.mark and gone == ' gone' then return 'gone' end
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
