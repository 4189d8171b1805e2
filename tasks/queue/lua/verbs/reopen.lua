-- needs: arq blobs bulk lanes records
-- Ended jobs run anew, with all their tries; what waits for its next try has it now. Old attempts are kept.
-- payload: ids, only {state → true} (nil: any), keep_event_ms, by (`for_each`).
-- Answers for each 'reopened' | 'unknown' | 'expired' | the state in which it stays.

-- A batch one of whose jobs runs anew has not ended.
local function reopen_batch(id)
  local batch = read(id)
  if not batch or batch.is_packed then return end
  redis.call('HDEL', K.job .. id, 'cancelling')
  if batch.state == 'running' then return end
  redis.call('HDEL', K.job .. id, 'finished_at', 'expires_at', 'error', 'result')
  redis.call('PERSIST', K.job .. id)
  redis.call('PERSIST', K.jobs .. 'batch/' .. id)
  redis.call('HSET', K.job .. id, 'state', 'running')
  set_state(batch, 'running')
end

-- A delivery needs its event for as long as a new one would.
local function keep_event(id)
  for _, key in ipairs({ K.job .. id, K.jobs .. 'event/' .. id }) do
    local left = redis.call('PTTL', key)
    if left >= 0 and left < payload.keep_event_ms then redis.call('PEXPIRE', key, payload.keep_event_ms) end
  end
  if redis.call('HEXISTS', K.job .. id, 'expires_at') == 1 then
    redis.call('HSET', K.job .. id, 'expires_at', now + payload.keep_event_ms)
  end
end

local function clear_end(job, blobs)
  local record = K.job .. job.id
  redis.call('HDEL', record, 'finished_at', 'expires_at', 'error', 'result', 'files', 'progress', 'tries', 'lapses',
    'lapsed_at', 'awaits', 'lost', 'postponed')
  redis.call('PERSIST', record)
  redis.call('DEL', K.arq_result .. job.id)
  for blob in string.gmatch(blobs or '', '%x+') do need_blobs(job.id, { blob }, 0) end
end

local function reopen(id)
  local job = read(id)
  if not job or job.is_packed then return 'unknown' end
  local is_open = job.kind == 'batch' or job.state == 'running' or job.state == 'queued'
  if is_open or payload.only and not payload.only[job.state] then return job.state end
  local record = K.job .. id
  local expires_at, priority, blobs = unpack(redis.call('HMGET', record, 'expires_at', 'priority', 'blobs'))
  if expires_at then
    if tonumber(expires_at) <= now then return 'expired' end
    clear_end(job, blobs)
  end
  redis.call('ZREM', K.arq_abort, id)
  local score = backlog_score(priority, now * 1000 + clock[2] % 1000)
  redis.call('HSET', record, 'state', 'queued', 'due_at', now, 'score', score)
  redis.call('SET', K.arq_job .. id, arq_body(id, job.kind), 'PX', K.arq_job_ms)
  set_state(job, 'queued')
  enter_lane(id, job.queue, job.lane, score)
  if job.batch then reopen_batch(job.batch) end
  if job.event then keep_event(job.event) end
  return 'reopened'
end
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
return for_each(reopen)
