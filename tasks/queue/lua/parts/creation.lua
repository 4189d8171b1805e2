-- needs: arq blobs indexes lanes records
-- How jobs and batches come to be.

-- A new job. job: id, kind, queue, owner, lane, shelves, priority, params, delay_ms, fields {name, value, …}, blobs {sha256, …}, and
-- where there is such: event (whose delivery it is), batch (that it is part of), after {id, …} (jobs that must succeed first; none of them
-- has ended), adopt (ARQ's own keys are there already).
local function create(job)
  local due, awaits = now + job.delay_ms, job.after and #job.after or 0
  local state = (job.delay_ms > 0 or awaits > 0) and 'scheduled' or 'queued'
  local score = line_score(job.priority, due * 1000 + clock[2] % 1000)
  local record = K.job .. job.id
  redis.call('HSET', record, 'kind', job.kind, 'queue', job.queue, 'owner', job.owner, 'lane', job.lane, 'shelves', job.shelves,
    'state', state, 'priority', job.priority, 'params', job.params, 'created_at', now, 'due_at', due, 'score', score, unpack(job.fields))
  if job.event then redis.call('HSET', record, 'event', job.event) end
  if job.batch then redis.call('HSET', record, 'batch', job.batch) end
  if awaits > 0 then redis.call('HSET', record, 'awaits', awaits, 'after', cjson.encode(job.after)) end
  for n = 1, awaits do
    redis.call('SADD', K.after .. job.after[n], job.id)
    redis.call('HSET', K.job .. job.after[n], 'awaited', 1)
  end
  for _, index in ipairs(indexes_of(job.shelves)) do redis.call('ZADD', index, now, job.id) end
  set_state(job.id, { shelves = job.shelves, event = job.event, batch = job.batch, created_at = now, kind = job.kind, queue = job.queue }, state)
  if #job.blobs > 0 then redis.call('HSET', record, 'blobs', table.concat(job.blobs, ' ')) end
  need_blobs(job.id, job.blobs, job.delay_ms)
  if not job.adopt then redis.call('SET', K.arq_job .. job.id, arq_body(job.id, job.kind), 'PX', job.delay_ms + K.arq_job_ms) end
  if state == 'queued' then
    enter_lane(job.id, job.queue, job.lane, score)
  else
    -- What waits for other jobs is let go by the last of them; its timer is for the case that this was lost.
    redis.call('ZADD', K.arq_queue[job.queue], awaits > 0 and now + K.safety_ms or due, job.id)
    wake(job.queue)
  end
end

-- A batch is a record that no worker runs: it goes on until its jobs have ended. fields: name, value, … for the record. One that is open
-- has a timer, which seals it if nobody does.
local function create_batch(id, owner, total, fields)
  local shelves = owner .. ' ' .. owner .. '/batch'
  redis.call('HSET', K.job .. id, 'kind', 'batch', 'queue', 'default', 'owner', owner, 'lane', '', 'shelves', shelves,
    'state', 'running', 'priority', 'normal', 'params', '{}', 'created_at', now, 'due_at', now, 'started_at', now, 'total', total,
    unpack(fields))
  for _, index in ipairs(indexes_of(shelves)) do redis.call('ZADD', index, now, id) end
  set_state(id, { shelves = shelves, created_at = now, kind = 'batch' }, 'running')
end
