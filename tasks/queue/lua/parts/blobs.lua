-- Who needs a blob is remembered from the time at which it is first needed: a job that is put off for weeks does not need it less.
local function need_blobs(id, blobs, delay_ms)
  for _, blob in ipairs(blobs) do
    redis.call('SADD', K.blob .. blob, id)
    if redis.call('PTTL', K.blob .. blob) < K.blob_ms + delay_ms then redis.call('PEXPIRE', K.blob .. blob, K.blob_ms + delay_ms) end
  end
end

-- A blob that the cleanup has marked may be gone, though its bytes have just been sent: whoever comes to need it must look first
-- (tasks/maintenance/sweep.py). seen: sha256 → the mark under which it was found in storage; since: the time at which the bytes were sent at the
-- earliest. Answers {'swept', sha256, mark, ms until its deletion is over}, or nil.
local function swept(blobs, seen, since)
  for _, blob in ipairs(blobs) do
    local mark = redis.call('GET', K.swept .. blob)
    if mark then
      local ends = tonumber(string.match(mark, '%d+'))
      if ends > now or seen[blob] ~= mark and ends >= since then return { 'swept', blob, mark, math.max(ends - now, 0) } end
    end
  end
end
