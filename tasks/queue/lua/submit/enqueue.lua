-- needs: blobs creation
-- A submit: records, ARQ jobs, lanes or timers, indexes, idempotency key and wake signal together.
-- payload: jobs {what `create` takes, …}, batch (id and fields {name, value, …} of one that they make) or nil,
--          idempotency {key, content, ttl_ms} or nil, max_waiting, seen (of `swept`) or nil.
-- Answers {'created', id, now} (of the batch, or of the one job) | {'same', id} | {'reused', id} | {'full', waiting} | {'known', id} |
-- {'unknown', id} (a job that was to come first) | {'ended', id, state} (it did not succeed) | {'open', id} (a batch
-- that was to come first takes more jobs) | {'sealed', id} (the batch takes no more) |
-- {'swept', …} (look whether the blob is there, and say it again).
local jobs, batch = payload.jobs, payload.batch
local first = batch or jobs[1]
local owner = jobs[1].owner
local key = payload.idempotency and K.idempotency .. payload.idempotency.key
if key then
  local before = redis.call('GET', key)
  if before then
    local id, content = string.match(before, '^(%x+) (%x+)$')
    if redis.call('EXISTS', K.job .. id) == 1 then
      return cmsgpack.pack({ content == payload.idempotency.content and 'same' or 'reused', id })
    end
  end
end
if not first.adopt then
  local waiting = redis.call('ZCARD', K.arq_queue[jobs[1].queue])
  if waiting + #jobs > payload.max_waiting then return cmsgpack.pack({ 'full', waiting }) end
end
if redis.call('EXISTS', K.job .. first.id) == 1 then return cmsgpack.pack({ 'known', first.id }) end

for _, job in ipairs(jobs) do
  local again = swept(job.blobs, payload.seen or {}, 0)
  if again then return cmsgpack.pack(again) end
  local after = {}
  for _, id in ipairs(job.after or {}) do
    local r = redis.call('HMGET', K.job .. id, 'owner', 'state', 'open')
    if r[1] ~= owner then return cmsgpack.pack({ 'unknown', id }) end
    -- Who joined it later might wait for this very job.
    if r[3] then return cmsgpack.pack({ 'open', id }) end
    if r[2] == 'failed' or r[2] == 'cancelled' then return cmsgpack.pack({ 'ended', id, r[2] }) end
    if r[2] ~= 'succeeded' then after[#after + 1] = id end
  end
  job.after = after
  if job.batch then
    local r = redis.call('HMGET', K.job .. job.batch, 'owner', 'kind', 'open')
    if r[1] ~= owner or r[2] ~= 'batch' then return cmsgpack.pack({ 'unknown', job.batch }) end
    if not r[3] then return cmsgpack.pack({ 'sealed', job.batch }) end
  end
end

if batch then
  create_batch(batch.id, owner, #jobs, batch.fields)
  for _, job in ipairs(jobs) do job.batch = batch.id end
end
for _, job in ipairs(jobs) do
  create(job)
  if job.batch then
    redis.call('ZADD', K.jobs .. 'batch/' .. job.batch, now, job.id)
    if not batch then redis.call('HINCRBY', K.job .. job.batch, 'total', 1) end
  end
end
if key then redis.call('SET', key, first.id .. ' ' .. payload.idempotency.content, 'PX', payload.idempotency.ttl_ms) end
return cmsgpack.pack({ 'created', first.id, now })
