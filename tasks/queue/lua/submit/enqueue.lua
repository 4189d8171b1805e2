-- needs: blobs creation jobs/prerequisites owners/rates owners/waiting
-- seldom: accounts/audit owners/upload_tokens queues/making unique/conflicts
-- A submit: records, ARQ jobs, lanes or timers, indexes, idempotency key and wake signal together.
-- payload: jobs {what `create` takes, and run_if (`is_met`) or nil, …}: one that others wait for comes before them;
-- batch (what `create_batch` takes of a batch that they make) or nil,
-- idempotency {key, content, ttl_ms} or nil, upload_token (the id of the token that it comes with) or nil, token_upload
-- (the upload that has the token's use) or nil, unique (`find_conflict`; of one job) or nil, new_queue {most, own} (of
-- `find_queue_refusal`; nil: the queue is always there), seen (of `find_swept`) or nil, and the limits (`find_excess`).
-- Answers answer and id, where answer is
--   'created' (id: of the batch, or of the one job; now), 'same' or 'reused' (the key belongs to job id), 'held' or
--   'conflict' (job id holds the unique key, in this state), 'replaced' (job id, which waited, does this now), 'full',
--   'owner_full' or 'too_fast' (`find_excess`), 'redis_full', 'known' (there is a job of this id), 'unknown' (no such
--   batch, or job that was to come first), 'ended' (the job that was to come first did not end so: state), 'open' (the
--   batch that was to come first takes more jobs), 'sealed' (the batch takes no more jobs), 'token_gone' or
--   'token_used' (`find_token_over`), 'queue_unknown' or 'too_many_queues' (`find_queue_refusal`), 'swept' (blob, mark,
--   left_ms: look whether it is there, and repeat this).
local jobs, batch, idempotency = payload.jobs, payload.batch, payload.idempotency
local first = batch or jobs[1]
local owner = jobs[1].owner
-- What makes room, repairs or reports a full Redis is never refused for that, and an adopted job is in Redis already.
local is_upkeep = first.adopt or first.upkeep
-- A time of day is meant by this clock: those of the machines that ask may be wrong.
for _, job in ipairs(jobs) do
  if job.run_at then job.delay_ms = math.max(job.run_at - now, 0) end
end

local function find_repeat()
  local id, content = string.match(redis.call('GET', K.idempotency .. idempotency.key) or '', '^(%x+) (%x+)$')
  if id and redis.call('EXISTS', K.job .. id) == 1 then
    return { answer = content == idempotency.content and 'same' or 'reused', id = id }
  end
end

local HAS_ENDED = { succeeded = true, failed = true, cancelled = true }

-- Leaves in job.after those that have not ended, and those that are made by this call, before it.
local made = {}
local function check_prerequisites(job)
  local after = {}
  for _, id in ipairs(job.after or {}) do
    local its_owner, state, open, code = owner, nil, nil, nil
    if not made[id] then
      its_owner, state, open, code = unpack(redis.call('HMGET', K.job .. id, 'owner', 'state', 'open', 'code'))
    end
    if its_owner ~= owner then return { answer = 'unknown', id = id } end
    -- A job that joins the batch later might wait for this very job.
    if open then return { answer = 'open', id = id } end
    if not HAS_ENDED[state] then
      after[#after + 1] = id
    elseif not is_met(job.run_if, end_of(state, code)) then
      return { answer = 'ended', id = id, state = state }
    end
  end
  job.after, made[job.id] = after, true
end

local function check_batch(id)
  local its_owner, kind, open = unpack(redis.call('HMGET', K.job .. id, 'owner', 'kind', 'open'))
  if its_owner ~= owner or kind ~= 'batch' then return { answer = 'unknown', id = id } end
  if not open then return { answer = 'sealed', id = id } end
end

local function check_destination(name)
  if redis.call('HEXISTS', K.destinations .. owner, name) == 0 then return { answer = 'no_destination', id = name } end
end

-- The waiting job that this one replaces.
local replaced

local function check()
  local known = idempotency and find_repeat()
  if known then return known end
  if payload.unique then
    load_seldom()
    local conflict
    conflict, replaced = find_conflict(owner)
    if conflict then return conflict end
  end
  if payload.upload_token then
    load_seldom()
    local over = find_token_over(payload.upload_token, payload.token_upload)
    if over then return over end
  end
  if payload.full and not is_upkeep then return { answer = 'redis_full' } end
  if payload.new_queue and not replaced then
    load_seldom()
    local no_queue = find_queue_refusal(jobs[1].queue, owner, payload.new_queue.most, payload.new_queue.own)
    if no_queue then return no_queue end
  end
  local excess = not first.adopt and not replaced and find_excess(jobs)
  if excess then return excess end
  if redis.call('EXISTS', K.job .. first.id) == 1 then return { answer = 'known', id = first.id } end
  for _, job in ipairs(jobs) do
    local refused = find_swept(job.blobs, payload.seen or {}, 0) or check_prerequisites(job)
      or job.batch and check_batch(job.batch) or job.destination and check_destination(job.destination)
    if refused then return refused end
  end
end

local function note_idempotency(id)
  local value = id .. ' ' .. idempotency.content
  redis.call('SET', K.idempotency .. idempotency.key, value, 'PX', idempotency.ttl_ms)
end

-- The worker that opened its body has not died of it (application/reading.lua).
if first.adopt then redis.call('DEL', K.reading .. first.id) end
local refused = check()
if refused then
  if refused.answer == 'held' and idempotency and not payload.full then note_idempotency(refused.id) end
  return cmsgpack.pack(refused)
end
if is_upkeep then write_when_full() end
spend()
if payload.new_queue and not replaced then use_queue(jobs[1].queue, owner) end
if payload.upload_token then use_token(payload.upload_token, payload.token_upload) end
if batch then
  batch.owner = owner
  create_batch(batch, #jobs)
  for _, job in ipairs(jobs) do job.batch = batch.id end
end
if replaced then replace(replaced, first) end
for _, job in ipairs(replaced and {} or jobs) do
  create(job)
  if job.batch then
    redis.call('ZADD', K.jobs .. 'batch/' .. job.batch, now, job.id)
    if not batch then redis.call('HINCRBY', K.job .. job.batch, 'total', 1) end
  end
end
if idempotency then note_idempotency(replaced or first.id) end
if payload.actor then
  load_seldom()
  write_audit({ owner = owner, id = replaced or first.id, after = { kind = first.kind } })
end
return cmsgpack.pack({ answer = replaced and 'replaced' or 'created', id = replaced or first.id, now = now })
