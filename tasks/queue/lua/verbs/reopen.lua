-- needs: arq blobs bulk lanes records
-- Ended jobs run anew, with all their tries; what waits for its next try has it now. Old attempts are kept.
-- payload: ids, only {state → true} (nil: any), keep_event_ms, by (`for_each`). Answers for each 'reopened' | 'unknown' | 'expired' | the state in which it stays.
-- A batch one of whose jobs runs anew has not ended.
local function go_on(id)
  local batch = read(id)
  if not batch then return end
  redis.call('HDEL', K.job .. id, 'cancelling')
  if batch.state == 'running' then return end
  redis.call('HDEL', K.job .. id, 'finished_at', 'expires_at', 'error', 'result')
  redis.call('PERSIST', K.job .. id)
  redis.call('PERSIST', K.jobs .. 'batch/' .. id)
  redis.call('HSET', K.job .. id, 'state', 'running')
  set_state(id, batch, 'running')
end

local function again(id)
  local job = read(id)
  if not job then return 'unknown' end
  if job.kind == 'batch' then return job.state end
  if job.state == 'running' or job.state == 'queued' or payload.only and not payload.only[job.state] then return job.state end
  local record = K.job .. id
  local more = redis.call('HMGET', record, 'expires_at', 'priority', 'blobs')
  if more[1] then
    if tonumber(more[1]) <= now then return 'expired' end
    redis.call('HDEL', record, 'finished_at', 'expires_at', 'error', 'result', 'files', 'progress', 'tries', 'lapses', 'awaits', 'lost')
    redis.call('PERSIST', record)
    redis.call('DEL', K.arq_result .. id)
    local blobs = {}
    for blob in string.gmatch(more[3] or '', '%x+') do blobs[#blobs + 1] = blob end
    need_blobs(id, blobs, 0)
  end
  redis.call('ZREM', K.arq_abort, id)
  local score = line_score(more[2], now * 1000 + clock[2] % 1000)
  redis.call('HSET', record, 'state', 'queued', 'due_at', now, 'score', score)
  redis.call('SET', K.arq_job .. id, arq_body(id, job.kind), 'PX', K.arq_job_ms)
  set_state(id, job, 'queued')
  enter_lane(id, job.queue, job.lane, score)
  if job.batch then go_on(job.batch) end
  -- A delivery needs its event for as long as a new one would.
  for _, key in ipairs(job.event and { K.job .. job.event, K.jobs .. 'event/' .. job.event } or {}) do
    local left = redis.call('PTTL', key)
    if left >= 0 and left < payload.keep_event_ms then redis.call('PEXPIRE', key, payload.keep_event_ms) end
  end
  if job.event and redis.call('HEXISTS', K.job .. job.event, 'expires_at') == 1 then
    redis.call('HSET', K.job .. job.event, 'expires_at', now + payload.keep_event_ms)
  end
  return 'reopened'
end

return for_each(again)
