-- needs: announcements blobs counters indexes jobs/prerequisites lanes records timing/deadlines
-- How jobs end, and what follows from their end. payload.keep: how long ended jobs are kept
-- (tasks/queue/jobs/retention.py).

local close

-- How long a job is kept that ends in this state: as its sender asked for. What a schedule runs seldom is kept
-- longer, or its history would be the last run alone.
local function kept_ms(job, state)
  if job.keep then return job.keep_ms end
  local of_kind = payload.keep[job.kind]
  if job.kind == 'delivery' and state == 'succeeded' then of_kind = payload.keep.delivered end
  return math.max(of_kind or payload.keep[state], job.keep_ms)
end

-- fields: {name, value, …} of the last attempt, or nil.
local function close_with_error(job, attempt, state, code, message, fields)
  fields = fields or {}
  fields[#fields + 1] = 'error'
  fields[#fields + 1] = cjson.encode({ code = code, message = message })
  close(job, attempt, state, { code, message }, fields)
end

local function close_cancelled(job, message)
  close_with_error(job, job.attempt, 'cancelled', 'cancelled', message)
end

-- A job that ended since another (first) did not succeed runs after all, should that be retried and succeed.
local function free_later(id, first, state, keep_ms)
  if redis.call('EXISTS', K.job .. first) == 0 then return end
  redis.call('HSET', K.job .. first, 'awaited', 1)
  redis.call('HSET', K.job .. id, 'lost', first .. ' ' .. state)
  local batch = redis.call('HGET', K.job .. id, 'batch')
  if batch and redis.call('EXISTS', K.job .. batch) == 1 then redis.call('HSET', K.job .. batch, 'has_lost', 1) end
  redis.call('SADD', K.freed_by .. first, id)
  redis.call('PEXPIRE', K.freed_by .. first, keep_ms)
end

-- A job waited for an end of another that did not come. That is its failure if it needed a success which may come yet,
-- after a retry; else nothing went wrong. state: in which the other ended.
local function close_unmet(job, first, state)
  local wanted_success = not job.run_if and state ~= 'skipped'
  if wanted_success or state == 'gone' then
    if wanted_success then free_later(job.id, first, state, payload.keep.failed) end
    close_with_error(job, job.attempt, 'failed', 'prerequisite_failed',
      'Job ' .. first .. ', which had to ' .. (job.run_if and 'end' or 'succeed') .. ' first, is ' .. state .. '.')
    return
  end
  if job.batch and redis.call('EXISTS', K.job .. job.batch) == 1 then
    redis.call('HINCRBY', K.job .. job.batch, 'skipped', 1)
  end
  close_with_error(job, job.attempt, 'cancelled', 'not_needed', 'Job ' .. first
    .. (state == 'skipped' and ' was not needed, so neither was this.' or ' has succeeded, so this was not needed.'))
end

-- job.lost: id and state of a job that did not end as this one waited for.
local function close_lost(job)
  close_unmet(job, string.match(job.lost, '^(%S+) (%S+)$'))
end

-- Jobs that wait for this one are told: their timers are due when the last that they wait for has ended as they need
-- it, or one that did not. A few in one call: the timer of the ended job itself brings the rest, and a chain of them
-- takes a claim for each.
local after_left = 50
local function release_waiting(job, state)
  local code = state == 'cancelled' and redis.call('HGET', K.job .. job.id, 'code')
  local some = after_left > 0 and redis.call('SPOP', K.after .. job.id, after_left) or {}
  after_left = after_left - #some
  for _, id in ipairs(some) do
    local later = read(id)
    -- One that has lost what it waited for is due: no other end puts that off.
    if later and later.state == 'scheduled' and later.awaits > 0 and not later.lost then
      local due = now
      if not is_met(later.run_if, end_of(state, code)) then
        redis.call('HSET', K.job .. id, 'lost', job.id .. ' ' .. end_of(state, code))
      elseif redis.call('HINCRBY', K.job .. id, 'awaits', -1) == 0 then
        due = math.max(now, tonumber(redis.call('HGET', K.job .. id, 'due_at')))
        redis.call('HSET', K.job .. id, 'due_at', due)
      else
        due = safety_at()
      end
      redis.call('ZADD', K.arq_queue[later.queue], due, id)
      note_deadline(later)
      wake(later.queue)
    end
  end
  if state == 'succeeded' then
    local freed = after_left > 0 and redis.call('SPOP', K.freed_by .. job.id, after_left) or {}
    after_left = after_left - #freed
    for _, id in ipairs(freed) do
      local queue = redis.call('HGET', K.job .. id, 'queue')
      if queue then
        redis.call('ZADD', K.arq_queue[queue], now, id)
        wake(queue)
      end
    end
  end
  local waits = redis.call('EXISTS', K.after .. job.id) == 1
    or state == 'succeeded' and redis.call('EXISTS', K.freed_by .. job.id) == 1
  if waits then
    redis.call('ZADD', K.arq_queue[job.queue], now, job.id)
    wake(job.queue)
  else
    redis.call('ZREM', K.arq_queue[job.queue], job.id)
  end
end

-- A batch ends with the last of its jobs, once no more can join it. It succeeds if all of them did but those that were
-- not needed, and is cancelled if that was asked for.
local BATCH_FIELDS = { 'state', 'open', 'total', 'cancelling', 'skipped', 'tally:succeeded', 'tally:failed',
  'tally:cancelled' }
local function close_batch(id)
  local batch = fields_of(K.job .. id, BATCH_FIELDS)
  local succeeded, cancelled = tonumber(batch['tally:succeeded'] or 0), tonumber(batch['tally:cancelled'] or 0)
  local skipped = tonumber(batch.skipped or 0)
  local unsuccessful = tonumber(batch['tally:failed'] or 0) + cancelled - skipped
  local ended = succeeded + unsuccessful + skipped
  if batch.state ~= 'running' or batch.open or ended < tonumber(batch.total) then return end
  redis.call('PEXPIRE', K.jobs .. 'batch/' .. id,
    math.max(payload.keep.succeeded, payload.keep.failed) + payload.keep.tombstone)
  if cancelled > skipped and batch.cancelling then
    close_cancelled(read(id), 'Cancelled, and with it ' .. (cancelled - skipped) .. ' of its jobs.')
  elseif unsuccessful == 0 then
    close(read(id), 0, 'succeeded', cmsgpack.pack({ total = ended }), {})
  else
    close_with_error(read(id), 0, 'failed', 'batch_incomplete',
      unsuccessful .. ' of its ' .. ended .. ' jobs did not succeed.')
  end
end

-- The end of a job as an event. JSON that is in the record already is passed on as it is: Lua's own encoder would lose
-- nulls and digits.
local SILENT = { event = true, delivery = true, recovery = true, cleanup = true, reconciliation = true }
local END_FIELDS = { 'address', 'name', 'files', 'result', 'error', 'traceparent', 'tracestate', 'tags', 'metadata',
  'urls', 'tally:succeeded', 'tally:failed', 'tally:cancelled' }
local function announce_end(job, state)
  if SILENT[job.kind] or not job.notify and not has_subscribers(job.owner, 'job.' .. state) then return end
  local record = fields_of(K.job .. job.id, END_FIELDS)
  local jobs = job.kind == 'batch' and string.format('{"succeeded":%d,"failed":%d,"cancelled":%d}',
    record['tally:succeeded'] or 0, record['tally:failed'] or 0, record['tally:cancelled'] or 0)
  local function member(name, json) return json and ',"' .. name .. '":' .. json or '' end
  local short = #(record.result or '') <= K.event_result_bytes
  local data = '{"id":"' .. job.id .. '","kind":' .. cjson.encode(job.kind) .. ',"state":"' .. state .. '"'
    .. member('name', record.name and cjson.encode(record.name)) .. ',"created_at":' .. job.created_at
    .. ',"finished_at":' .. string.format('%.0f', now) .. member('files', record.files)
    .. member('result', short and record.result) .. member('error', record.error)
    .. member('jobs', jobs) .. member('tags', record.tags) .. member('metadata', record.metadata)
    .. member('urls', record.urls and cjson.encode(record.urls)) .. '}'
  announce(job.owner, 'job.' .. state, data,
    { address = record.address, notify = job.notify, traceparent = record.traceparent, tracestate = record.tracestate,
      tags = record.tags, tag_indexes = tag_indexes_of(job.job_indexes) })
end

-- What a client of an ARQ application reads of its job's end, in the serialization of that application: `result` if the
-- worker has written one, else what the record has for an end without it. job.arq: for how long (ms) results of its
-- function are kept; -1: for ever, 0: not at all. The body of a job that did not succeed is kept for a retry.
local function end_arq_job(job, state, result, kept)
  local record, keep_ms = K.job .. job.id, tonumber(job.arq)
  result = result or redis.call('HGET', record, state == 'cancelled' and 'arq_cancelled' or 'arq_failed')
  redis.call('HDEL', record, 'arq_cancelled', 'arq_failed')
  if result and keep_ms < 0 then
    redis.call('SET', K.arq_result .. job.id, result)
  elseif result and keep_ms > 0 then
    redis.call('SET', K.arq_result .. job.id, result, 'PX', keep_ms)
  end
  local body = state ~= 'succeeded' and redis.call('GET', K.arq_job .. job.id)
  if body then redis.call('SET', K.kept_body .. job.id, body, 'PX', kept) end
end

-- The end of a job, however it came: record, indexes, ARQ's keys, those who wait, and the event, together.
-- job: as read; fields: {name, value, …} of the record.
-- value: what ARQ's result carries, as msgpack (Lua's own encoder would lose nulls and empty objects), or {code,
-- message} if it did not succeed. arq_result: of an ARQ application's job, the bytes that its client reads.
function close(job, attempt, state, value, fields, arq_result)
  local record, keep, kept = K.job .. job.id, payload.keep, kept_ms(job, state)
  if type(value) == 'table' then
    fields[#fields + 1] = 'code'
    fields[#fields + 1] = value[1]
  end
  redis.call('HSET', record, 'state', state, 'finished_at', now, 'expires_at', now + kept, unpack(fields))
  redis.call('PEXPIRE', record, kept + keep.tombstone)
  -- The original is kept with it.
  for blob in string.gmatch(job.keep and redis.call('HGET', record, 'blobs') or '', '%x+') do
    need_blobs(job.id, { blob }, kept)
  end
  set_state(job, state)
  local kind = label_of(job.kind, job.job_indexes)
  count('ended', kind, state)
  if state == 'failed' then count('errors', kind, label(type(value) == 'table' and value[1] or 'failed')) end
  count_end(job, kind, state)
  redis.call('ZREM', K.arq_queue[job.queue], job.id)
  if job.arq then end_arq_job(job, state, arq_result, kept) end
  redis.call('DEL', K.arq_job .. job.id, K.arq_running .. job.id, K.arq_retry .. job.id)
  redis.call('ZREM', K.arq_abort, job.id)
  -- A map of eleven entries; the last is an empty map, which Lua cannot tell from an empty list.
  local result = not job.arq and '\139' .. cmsgpack.pack('t', attempt, 'f', job.kind, 'a', {}, 'et',
    tonumber(job.created_at), 's', state == 'succeeded', 'st', tonumber(job.started_at or now), 'ft', now,
    'q', K.arq_queue[job.queue], 'id', job.id) .. cmsgpack.pack('r')
    .. (type(value) == 'string' and value or cmsgpack.pack(value)) .. cmsgpack.pack('k') .. '\128'
  if result then redis.call('SET', K.arq_result .. job.id, result, 'PX', K.arq_result_ms) end
  announce_end(job, state)
  if job.awaited then release_waiting(job, state) end
  if job.batch then close_batch(job.batch) end
end
