-- A submit: record, ARQ job, lane or timer, indexes, idempotency key and wake signal together.
-- payload: id, kind, queue, owner, lane, priority, params, delay_ms, arq_job, fields {name, value, …}, blobs {sha256, …},
--          idempotency {key, content, ttl_ms} or nil, max_waiting, adopt (ARQ's own keys are there already).
-- Answers {'created', id, now} | {'same', id} | {'reused', id} | {'full', waiting} | {'known', id}.
local job = payload
local record = K.job .. job.id
local key = job.idempotency and K.idempotency .. job.idempotency.key
if key then
  local before = redis.call('GET', key)
  if before then
    local id, content = string.match(before, '^(%x+) (%x+)$')
    if redis.call('EXISTS', K.job .. id) == 1 then
      return cmsgpack.pack({ content == job.idempotency.content and 'same' or 'reused', id })
    end
  end
end
local timers = K.arq_queue[job.queue]
if not job.adopt then
  local waiting = redis.call('ZCARD', timers)
  if waiting >= job.max_waiting then return cmsgpack.pack({ 'full', waiting }) end
end
if redis.call('EXISTS', record) == 1 then return cmsgpack.pack({ 'known', job.id }) end

local due = now + job.delay_ms
local state = job.delay_ms > 0 and 'scheduled' or 'queued'
local score = line_score(job.priority, due * 1000 + clock[2] % 1000)
redis.call('HSET', record, 'kind', job.kind, 'queue', job.queue, 'owner', job.owner, 'lane', job.lane, 'state', state,
  'priority', job.priority, 'params', job.params, 'created_at', now, 'due_at', due, 'score', score, unpack(job.fields))
redis.call('ZADD', K.jobs .. job.owner, now, job.id)
set_state(job.id, job.owner, now, nil, state)
-- Among all jobs one that is scheduled far ahead would shield the dead behind it: two looks by chance find them all in time.
for _, id in ipairs(redis.call('ZRANDMEMBER', K.jobs .. job.owner, -2)) do
  if redis.call('EXISTS', K.job .. id) == 0 then redis.call('ZREM', K.jobs .. job.owner, id) end
end
need_blobs(job.id, job.blobs)
if not job.adopt then redis.call('SET', K.arq_job .. job.id, job.arq_job, 'PX', job.delay_ms + K.arq_job_ms) end
if key then redis.call('SET', key, job.id .. ' ' .. job.idempotency.content, 'PX', job.idempotency.ttl_ms) end
if state == 'queued' then
  enter_lane(job.id, job.queue, job.lane, score)
else
  redis.call('ZADD', timers, due, job.id)
  wake(job.queue)
end
return cmsgpack.pack({ 'created', job.id, now })
