-- needs: announcements counters lanes records
-- How jobs end, and what hangs on their end.

local close

-- fields: of the attempt that was the last, name, value, …, or none.
local function close_with_error(id, job, attempt, state, code, message, keep, fields)
  fields = fields or {}
  fields[#fields + 1] = 'error'
  fields[#fields + 1] = cjson.encode({ code = code, message = message })
  close(id, job, attempt, state, { code, message }, keep, fields)
end

local function close_cancelled(id, job, message, keep)
  close_with_error(id, job, job.attempt, 'cancelled', 'cancelled', message, keep)
end

-- A job that one did not succeed for, for which it waited.
local function close_lost(id, job, keep)
  local first, state = string.match(job.lost, '^(%S+) (%S+)$')
  close_with_error(id, job, job.attempt, 'failed', 'prerequisite_failed',
    'Job ' .. first .. ', which had to succeed first, is ' .. state .. '.', keep)
end

-- Jobs that were to come after this one are told: their timers are due when the last that they wait for has succeeded, or one that did
-- not. A few in one call: the timer of the ended job itself brings the rest, and a chain of them takes a claim for each.
local after_left = 50
local function let_go_after(id, job, state)
  local some = after_left > 0 and redis.call('SPOP', K.after .. id, after_left) or {}
  after_left = after_left - #some
  for _, waiting in ipairs(some) do
    local later = read(waiting)
    if later and later.state == 'scheduled' and later.awaits > 0 then
      local due = now
      if state ~= 'succeeded' then
        redis.call('HSET', K.job .. waiting, 'lost', id .. ' ' .. state)
      elseif redis.call('HINCRBY', K.job .. waiting, 'awaits', -1) == 0 then
        due = math.max(now, tonumber(redis.call('HGET', K.job .. waiting, 'due_at')))
        redis.call('HSET', K.job .. waiting, 'due_at', due)
      else
        due = now + K.safety_ms
      end
      redis.call('ZADD', K.arq_queue[later.queue], due, waiting)
      wake(later.queue)
    end
  end
  if redis.call('EXISTS', K.after .. id) == 1 then
    redis.call('ZADD', K.arq_queue[job.queue], now, id)
    wake(job.queue)
  else
    redis.call('ZREM', K.arq_queue[job.queue], id)
  end
end

-- A batch ends with the last of its jobs, once no more can join it. It succeeds if all of them did, and is cancelled if it was told so.
local function close_batch(id, keep)
  local record = K.job .. id
  local r = redis.call('HMGET', record, 'state', 'open', 'total', 'tally:succeeded', 'tally:failed', 'tally:cancelled')
  local good, gone = tonumber(r[4] or 0), tonumber(r[6] or 0)
  local bad = tonumber(r[5] or 0) + gone
  if r[1] ~= 'running' or r[2] or good + bad < tonumber(r[3]) then return end
  redis.call('PEXPIRE', K.jobs .. 'batch/' .. id, math.max(keep.succeeded, keep.failed) + keep.tombstone)
  if gone > 0 and redis.call('HEXISTS', record, 'cancelling') == 1 then
    close_cancelled(id, read(id), 'Cancelled, and with it ' .. gone .. ' of its jobs.', keep)
  elseif bad == 0 then
    close(id, read(id), 0, 'succeeded', cmsgpack.pack({ total = good }), keep, {})
  else
    close_with_error(id, read(id), 0, 'failed', 'batch_incomplete', bad .. ' of its ' .. good + bad .. ' jobs did not succeed.', keep)
  end
end

-- The end of a job as an event. JSON that is in the record already is passed on as it is: Lua's own would lose nulls and digits.
local SILENT = { event = true, delivery = true, cleanup = true, reconciliation = true }
local function announce_end(id, job, state)
  if SILENT[job.kind] or not job.notify and not is_heard(job.owner, 'job.' .. state) then return end
  local said = redis.call('HMGET', K.job .. id, 'address', 'name', 'files', 'error', 'tally:succeeded', 'tally:failed', 'tally:cancelled',
    'traceparent', 'tracestate')
  local jobs = job.kind == 'batch'
    and string.format('{"succeeded":%d,"failed":%d,"cancelled":%d}', said[5] or 0, said[6] or 0, said[7] or 0)
  local function member(name, json) return json and ',"' .. name .. '":' .. json or '' end
  local data = '{"id":"' .. id .. '","kind":' .. cjson.encode(job.kind) .. ',"state":"' .. state .. '"'
    .. member('name', said[2] and cjson.encode(said[2])) .. ',"created_at":' .. job.created_at
    .. ',"finished_at":' .. string.format('%.0f', now) .. member('files', said[3]) .. member('error', said[4]) .. member('jobs', jobs) .. '}'
  announce(job.owner, 'job.' .. state, data, said[1], job.notify, said[8], said[9])
end

-- The end of a job, however it came: record, indexes, ARQ's keys, those who wait, and the event, together.
-- job: as read; fields: name, value, … for the record.
-- value: what ARQ's result carries, as msgpack (Lua's own would lose nulls and empty objects), or [code, message] if it did not succeed.
function close(id, job, attempt, state, value, keep, fields)
  local record = K.job .. id
  -- What a schedule runs seldom is kept longer, lest its history is but the last time.
  local kept = math.max(keep[job.kind] or keep[state], job.keep_ms)
  local expires = now + kept
  redis.call('HSET', record, 'state', state, 'finished_at', now, 'expires_at', expires, unpack(fields))
  redis.call('PEXPIRE', record, kept + keep.tombstone)
  set_state(id, job, state)
  local kind = label(job.kind)
  count('ended', kind, state)
  if state == 'failed' then count('errors', kind, label(type(value) == 'table' and value[1] or 'failed')) end
  if job.kind ~= 'batch' then
    local of = ended_jobs[job.queue] or {}
    of[state] = (of[state] or 0) + 1
    ended_jobs[job.queue] = of
  end
  redis.call('ZREM', K.arq_queue[job.queue], id)
  redis.call('DEL', K.arq_job .. id, K.arq_running .. id, K.arq_retry .. id)
  redis.call('ZREM', K.arq_abort, id)
  -- A map of eleven entries; the last is an empty map, which Lua cannot tell from an empty list.
  local result = '\139' .. cmsgpack.pack('t', attempt, 'f', job.kind, 'a', {}, 'et', tonumber(job.created_at), 's', state == 'succeeded',
    'st', tonumber(job.started_at or now), 'ft', now, 'q', K.arq_queue[job.queue], 'id', id)
    .. cmsgpack.pack('r') .. (type(value) == 'string' and value or cmsgpack.pack(value)) .. cmsgpack.pack('k') .. '\128'
  redis.call('SET', K.arq_result .. id, result, 'PX', K.arq_result_ms)
  announce_end(id, job, state)
  if job.awaited then let_go_after(id, job, state) end
  if job.batch then close_batch(job.batch, keep) end
end
