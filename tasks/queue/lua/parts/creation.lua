-- needs: arq blobs counters lanes records timing/deadlines
-- How jobs and batches are made.

-- Jobs that one call makes follow each other in their lanes.
local created = 0

-- A new job. job: id, kind, queue, owner, lane, job_indexes, priority, params, delay_ms, fields {name, value,
-- …}, blobs {sha256, …}, and where there is such: score (its place in the lane), event (whose delivery it is), batch
-- (that it is part of), after {id, …} (jobs that must succeed first; none of them has ended), adopt (ARQ's own keys are
-- there already), received {sha256 → bytes} (of the blobs that came with the request), deadline (ms) or
-- start_within_ms.
local function create(job)
  local record = K.job .. job.id
  local due, awaits = now + job.delay_ms, job.after and #job.after or 0
  local state = (job.delay_ms > 0 or awaits > 0) and 'scheduled' or 'queued'
  local score = job.score or backlog_score(job.priority, due * 1000 + clock[2] % 1000 + created)
  created = created + 1
  redis.call('HSET', record, 'kind', job.kind, 'queue', job.queue, 'owner', job.owner, 'lane', job.lane,
    'shelves', job.job_indexes, 'state', state, 'priority', job.priority, 'params', job.params, 'created_at', now,
    'due_at', due, 'score', score, unpack(job.fields))
  if job.event then redis.call('HSET', record, 'event', job.event) end
  if job.batch then redis.call('HSET', record, 'batch', job.batch) end
  if awaits > 0 then redis.call('HSET', record, 'awaits', awaits, 'after', cjson.encode(job.after)) end
  for n = 1, awaits do
    redis.call('SADD', K.after .. job.after[n], job.id)
    redis.call('HSET', K.job .. job.after[n], 'awaited', 1)
  end
  job.created_at = now
  set_state(job, state)
  if #job.blobs > 0 then redis.call('HSET', record, 'blobs', table.concat(job.blobs, ' ')) end
  local stored = need_blobs(job.id, job.blobs, job.delay_ms, job.received)
  if job.received then
    for _, bytes in pairs(job.received) do add_usage(job.owner, 'in', bytes) end
    add_usage(job.owner, 'stored', stored)
  end
  if not job.adopt then
    redis.call('SET', K.arq_job .. job.id, arq_body(job.id, job.kind), 'PX', job.delay_ms + K.arq_job_ms)
  end
  if state == 'queued' then
    enter_lane(job.id, job.queue, job.lane, score)
  else
    -- The last of the jobs that it waits for makes its timer due; this one is for the case that this was lost.
    redis.call('ZADD', K.arq_queue[job.queue], awaits > 0 and safety_at() or due, job.id)
    wake(job.queue)
  end
  if job.deadline or job.start_within_ms then set_deadline(job) end
end

-- A batch is a record that no worker runs: it goes on until its jobs have ended. batch: id, owner, job_indexes, fields
-- {name, value, …} of the record.
local function create_batch(batch, total)
  redis.call('HSET', K.job .. batch.id, 'kind', 'batch', 'queue', 'default', 'owner', batch.owner, 'lane', '',
    'shelves', batch.job_indexes, 'state', 'running', 'priority', 'normal', 'params', '{}', 'created_at', now,
    'due_at', now, 'started_at', now, 'total', total, unpack(batch.fields))
  set_state({ id = batch.id, kind = 'batch', job_indexes = batch.job_indexes, created_at = now }, 'running')
end
