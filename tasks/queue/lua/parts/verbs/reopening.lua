-- needs: arq blobs counters ending jobs/prerequisites lane_order lanes records
-- needs: queues/made queues/making timing/deadlines unique/holding verbs/kept_events
-- Ended jobs run again, with all their tries; what waits for its next try has it now. Old attempts are kept.
-- payload: only {state → true} (nil: any), keep_event_ms (for deliveries).

-- A batch one of whose jobs runs again has not ended.
local function reopen_batch(id)
  local batch = read(id)
  if not batch or batch.is_packed then return end
  redis.call('HDEL', K.job .. id, 'cancelling')
  if batch.state == 'running' then return end
  redis.call('HDEL', K.job .. id, 'finished_at', 'expires_at', 'error', 'result', 'code')
  redis.call('PERSIST', K.job .. id)
  redis.call('PERSIST', K.jobs .. 'batch/' .. id)
  redis.call('HSET', K.job .. id, 'state', 'running')
  set_state(batch, 'running')
end

local function clear_end(job, blobs)
  local record = K.job .. job.id
  redis.call('HDEL', record, 'finished_at', 'expires_at', 'error', 'result', 'files', 'progress', 'tries', 'lapses',
    'lapsed_at', 'awaits', 'lost', 'postponed', 'code', 'counting')
  redis.call('PERSIST', record)
  redis.call('DEL', K.arq_result .. job.id)
  for blob in string.gmatch(blobs or '', '%x+') do need_blobs(job.id, { blob }, 0) end
end

-- Which of the jobs that this one comes after have to end yet; or nil, one of them that did not end as it should, and
-- its state. Of one that is gone only this job can tell: it had an attempt, so the other had ended so.
local function unfinished_of(job, after)
  local live = {}
  for _, first in ipairs(cjson.decode(after)) do
    local state, code = unpack(redis.call('HMGET', K.job .. first, 'state', 'code'))
    if LIVE[state] then
      live[#live + 1] = first
    elseif not is_met(job.run_if, end_of(state, code)) and (state or job.attempt == 0) then
      return nil, first, end_of(state, code) or 'gone'
    end
  end
  return live
end

local function wait_for(job, live)
  redis.call('HSET', K.job .. job.id, 'state', 'scheduled', 'awaits', #live)
  for _, first in ipairs(live) do
    redis.call('SADD', K.after .. first, job.id)
    redis.call('HSET', K.job .. first, 'awaited', 1)
  end
  set_state(job, 'scheduled')
  redis.call('ZADD', K.arq_queue[job.queue], safety_at(), job.id)
  note_deadline(job)
end

-- Returns 'reopened', 'blocked' (a job that it comes after did not succeed; it runs by itself once that has),
-- 'not_needed' (one that it comes after did not end as this one waited for), 'held' (another job holds its unique key),
-- 'expired', 'unknown', 'packed' (it must be restored first), or the state in which it stays.
local function reopen(id)
  local job = read(id)
  if not job then return 'unknown' end
  if job.is_packed then return 'packed' end
  local is_open = job.kind == 'batch' or job.state == 'running' or job.state == 'queued'
  if is_open or payload.only and not payload.only[job.state] then return job.state end
  local record, live = K.job .. id, {}
  local expires_at, priority, blobs, after, code =
    unpack(redis.call('HMGET', record, 'expires_at', 'priority', 'blobs', 'after', 'code'))
  if expires_at then
    if tonumber(expires_at) <= now then return 'expired' end
    if job.unique and is_held_by_another(job) then return 'held' end
    if after then
      local first, state
      live, first, state = unfinished_of(job, after)
      if not live then
        if job.run_if or state == 'skipped' then return 'not_needed' end
        free_later(id, first, state, tonumber(expires_at) - now)
        return 'blocked'
      end
    end
    clear_end(job, blobs)
    if code == 'not_needed' and job.batch and redis.call('EXISTS', K.job .. job.batch) == 1 then
      redis.call('HINCRBY', K.job .. job.batch, 'skipped', -1)
    end
  end
  -- Its queue may be gone since.
  if can_be_made(job.queue) then use_queue(job.queue, job.owner) end
  redis.call('ZREM', K.arq_abort, id)
  if is_late(job.deadline) then
    redis.call('HDEL', record, 'deadline')
    job.deadline = nil
  end
  local score = backlog_score(priority, now * 1000 + clock[2] % 1000)
  local ordered = job.event and is_ordered(job.queue, job.lane)
  if ordered then score = score_of_event(unpack(redis.call('HMGET', K.job .. job.event, 'score', 'due_at'))) end
  redis.call('HSET', record, 'due_at', now, 'score', score)
  local body = job.arq and redis.call('GET', K.kept_body .. id) or not job.arq and arq_body(id, job.kind)
  if body then redis.call('SET', K.arq_job .. id, body, 'PX', K.arq_job_ms) end
  if job.arq then redis.call('DEL', K.kept_body .. id) end
  if #live > 0 then
    wait_for(job, live)
  else
    redis.call('HSET', record, 'state', 'queued')
    set_state(job, 'queued')
    enter_lane(id, job.queue, job.lane, score)
    note_deadline(job)
    if ordered then release_held(job.queue, job.lane) end
  end
  if job.batch then reopen_batch(job.batch) end
  if job.event then keep_event(job.event, payload.keep_event_ms) end
  return 'reopened'
end
