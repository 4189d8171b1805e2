-- needs: blobs counters ending indexes lane_limits lanes records
-- Attempts are over: ended, to be retried, or handed back. Whoever finds its job claimed by another changes nothing.
-- payload: worker, keep, breaker {failures, pause_ms, max_pause_ms},
-- outcomes {{id, attempt, verb, delay_ms, value, fields {name, value, …}, blobs {sha256, …}, last, well, pause_ms, bytes}, …};
-- verb: 'succeeded' | 'failed' | 'cancelled' | 'retrying' | 'handed_back'; value: what ARQ's result carries (see `close`);
-- last: the next try goes behind the first tries of its lane; well: whether the lane's receiver answered as it should (nil: not known);
-- pause_ms: for how long it asked to be left alone (0: it did not); bytes: of its files. Answers, in order, true or false (stale) for each.
local answers, left, gained = {}, {}, {}
local AGAIN_MS = 2000 -- after which an attempt whose outputs may be gone is made anew

-- Failures in a row park an endpoint's lane, for longer each time; until a success one job at a time probes it. That uses up no waiting
-- job's try. Of an endpoint that was deleted meanwhile nothing is noted: nobody would remove it.
local function judge(queue, lane, well, pause_ms)
  local endpoint = string.match(lane, '^endpoint:(.*)$') or ''
  if redis.call('EXISTS', K.endpoint .. endpoint) == 0 then return end
  local key, parked = K.lane .. queue .. ':' .. lane, K.parked .. queue
  if well then
    if redis.call('HDEL', key, 'failures', 'failing_since', 'failed_at') > 0 and redis.call('HDEL', key, 'trips') > 0 then
      redis.call('ZREM', parked, lane)
      redis.call('ZREM', K.failing, endpoint)
    end
  else
    -- A failure of long ago says nothing of the time since.
    local failed_at = tonumber(redis.call('HGET', key, 'failed_at') or 0)
    if now - failed_at > K.failure_gap_ms then redis.call('HSET', key, 'failing_since', now) end
    redis.call('HSET', key, 'failed_at', now)
    local failures = redis.call('HINCRBY', key, 'failures', 1)
    -- Those that were under way when the lane was parked say nothing new.
    if failures >= payload.breaker.failures and not left_alone_until(queue, lane) then
      local trips = redis.call('HINCRBY', key, 'trips', 1)
      redis.call('ZADD', K.failing, 'NX', redis.call('HGET', key, 'failing_since'), endpoint)
      pause_ms = math.max(pause_ms, math.min(payload.breaker.pause_ms * 2 ^ (trips - 1), payload.breaker.max_pause_ms))
    end
  end
  if pause_ms > 0 then
    redis.call('ZADD', parked, math.max(now + pause_ms, tonumber(redis.call('ZSCORE', parked, lane) or 0)), lane)
    redis.call('ZREM', K.turns .. queue, lane)
  end
end

for n, outcome in ipairs(payload.outcomes) do
  local id, attempt, verb, delay_ms, value, fields, blobs, last, well, pause_ms, bytes = unpack(outcome, 1, 11)
  local record = K.job .. id
  local job = read(id)
  local mine = job and job.state == 'running' and job.worker == payload.worker and job.attempt == attempt or false
  answers[n] = mine
  -- Outputs that the cleanup has marked since this attempt began may be gone: it makes them anew, and uses up no try. A
  -- deletion is over in a moment, though its mark lasts longer, for the process that began it may have died.
  local again = mine and verb == 'succeeded' and swept(blobs, {}, tonumber(job.started_at))
  if again then
    local attempt_made = { number = attempt, worker = job.worker, outcome = 'handed_back', started_at = tonumber(job.started_at), ended_at = now }
    verb, delay_ms, fields = 'retrying', math.min(again[4], AGAIN_MS), { 'attempt:' .. attempt, cjson.encode(attempt_made) }
  end
  if mine then
    local lane = job.queue .. '\0' .. job.owner .. '\0' .. job.lane
    left[lane] = (left[lane] or 0) + 1
    local kind = label(job.kind)
    count('attempts', kind, again and 'handed_back' or verb)
    if verb ~= 'handed_back' then observe('run', kind, now - tonumber(job.started_at)) end
    if verb == 'succeeded' and bytes and bytes > 0 then count('bytes', kind, '', bytes) end
    if well ~= nil then judge(job.queue, job.lane, well, pause_ms) end
    if verb == 'retrying' then
      local due = now + delay_ms
      if not again then count('errors', kind, label(value and value[1] or 'failed')) end
      redis.call('HSET', record, 'state', verb, 'tries', job.tries + (again and 0 or 1), 'due_at', due, unpack(fields))
      if last then
        redis.call('HSET', record, 'score', line_score(redis.call('HGET', record, 'priority'), (due + K.behind_ms) * 1000))
      end
      set_state(id, job, verb)
      redis.call('ZADD', K.arq_queue[job.queue], due, id)
      redis.call('DEL', K.arq_running .. id)
      redis.call('PEXPIRE', K.arq_job .. id, delay_ms + K.arq_job_ms)
    elseif verb == 'handed_back' then
      redis.call('HSET', record, 'state', 'queued', unpack(fields))
      set_state(id, job, 'queued')
      redis.call('DEL', K.arq_running .. id)
      wait_again(id, job.queue, job.lane, job.score, job.lapses)
    else
      need_blobs(id, blobs, payload.keep[verb])
      close(id, job, attempt, verb, value, payload.keep, fields)
      for _, state in ipairs({ verb, '' }) do
        for _, index in ipairs(indexes_of(job.shelves, state)) do gained[index] = (gained[index] or 0) + 1 end
      end
    end
  end
end
for lane, count in pairs(left) do
  local queue, owner, name = string.match(lane, '^(.-)%z(.-)%z(.*)$')
  leave_running(queue, name, count, owner)
end
for index, count in pairs(gained) do forget_oldest(index, count) end
return cmsgpack.pack(answers)
