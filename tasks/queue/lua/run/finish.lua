-- needs: blobs counters ending indexes lane_ids lane_limits lanes records timing/deadlines
-- Attempts are over: ended, to be retried, or handed back. A worker whose job was claimed by another changes nothing.
-- payload: worker, keep, breaker {failures, pause_ms, max_pause_ms}, outcomes {outcome, …}. An outcome: id, attempt,
-- verb ('succeeded' | 'failed' | 'cancelled' | 'retrying' | 'postponed' | 'handed_back'), fields {name, value, …} of
-- the record, and where there is such: value (what ARQ's result carries, see `close`), blobs {sha256, …} of its files,
-- their bytes and sizes {sha256 → bytes}, cpu_ms (that it took in the sandbox), delay_ms until the next try, last
-- (true: the next try goes behind the first tries of its lane, unless that is ordered), receiver_ok (whether the lane's
-- receiver answered as it should; nil: not known), timed_out (it did not answer in time), pause_ms (for how long the
-- receiver asked to be left alone); of one that is postponed, entry (the attempt) and wait {first_ms, max_ms,
-- patience_ms, given_up}; of an ARQ application's job that ends, arq_result (bytes).
-- Answers, in order, true or false (no longer this worker's) for each.
local answers, ended_runs, ended_unanswered, gained = {}, {}, {}, {}
local RERUN_MS = 2000 -- after which an attempt whose outputs may be gone is made again

-- For how long a lane is parked: up to a fifth less than by the doubling, at random, so that the probes of many lanes
-- that were parked together do not start together.
local function parked_for(lane, trips)
  local chance = tonumber(string.sub(redis.sha1hex(lane .. clock[1] .. clock[2]), 1, 6), 16) / 0x1000000
  return math.floor(
    math.min(payload.breaker.pause_ms * 2 ^ (trips - 1), payload.breaker.max_pause_ms) * (1 - K.jitter * chance))
end

-- Failures in a row park an endpoint's lane, for longer each time; until a success one job at a time probes it. That
-- uses up no waiting job's try. After a time-out one job at a time is sent too, and the endpoint does not count as one
-- that answers (`owner_room` in claim.lua). A test that succeeds counts as a success of the endpoint, and unparks its
-- lane. Nothing is noted of an endpoint that was deleted meanwhile: nobody would remove it.
local function update_breaker(queue, lane, receiver_ok, timed_out, pause_ms)
  local kind, endpoint = parse_lane(lane)
  if kind == 'test' and receiver_ok then
    lane = 'endpoint:' .. endpoint
    unpark(queue, lane)
  elseif kind ~= 'endpoint' then
    return
  end
  local owner, answered = unpack(redis.call('HMGET', K.endpoint .. endpoint, 'owner', 'answered'))
  if not owner then return end
  local key, parked = K.lane .. queue .. ':' .. lane, K.parked .. queue
  if receiver_ok then
    if not answered then
      redis.call('HSET', K.endpoint .. endpoint, 'answered', 1)
      -- If it was let in as one that has not answered, another such has its turn.
      redis.call('ZREM', K.unanswered_lanes .. owner, lane)
      let_in_unanswered(queue, owner, 1)
    end
    local had_failures = redis.call('HDEL', key, 'failures', 'failing_since', 'failed_at', 'slow') > 0
    if had_failures and redis.call('HDEL', key, 'trips') > 0 then
      redis.call('ZREM', parked, lane)
      redis.call('ZREM', K.failing, endpoint)
    end
  else
    -- A failure of long ago says nothing of the time since.
    local failed_at = tonumber(redis.call('HGET', key, 'failed_at') or 0)
    if now - failed_at > K.failure_gap_ms then redis.call('HSET', key, 'failing_since', now) end
    redis.call('HSET', key, 'failed_at', now)
    if timed_out then
      redis.call('HSET', key, 'slow', 1)
      redis.call('HDEL', K.endpoint .. endpoint, 'answered')
    end
    local failures = redis.call('HINCRBY', key, 'failures', 1)
    -- Attempts that were under way when the lane was parked say nothing new.
    if failures >= payload.breaker.failures and not parked_until(queue, lane) then
      local trips = redis.call('HINCRBY', key, 'trips', 1)
      redis.call('ZADD', K.failing, 'NX', redis.call('HGET', key, 'failing_since'), endpoint)
      pause_ms = math.max(pause_ms, parked_for(lane, trips))
    end
  end
  if pause_ms > 0 then
    redis.call('ZADD', parked, math.max(now + pause_ms, tonumber(redis.call('ZSCORE', parked, lane) or 0)), lane)
    if leave_round(queue, lane) then make_way(queue, owner) end
  end
end

-- Outputs that the cleanup has marked since this attempt began may be gone: it makes them again, and uses up no try. A
-- deletion is over in a moment, though its mark lasts longer, for the process that began it may have died.
local function run_again_if_swept(job, outcome)
  local marked = outcome.blobs and find_swept(outcome.blobs, {}, tonumber(job.started_at))
  if not marked then return false end
  local attempt = { number = job.attempt, worker = job.worker, outcome = 'handed_back',
    started_at = tonumber(job.started_at), ended_at = now }
  outcome.verb, outcome.delay_ms = 'retrying', math.min(marked.left_ms, RERUN_MS)
  outcome.fields = { 'attempt:' .. job.attempt, cjson.encode(attempt) }
  return true
end

local function retry(job, outcome, is_rerun)
  local record, due = K.job .. job.id, now + outcome.delay_ms
  if not is_rerun then
    count('errors', label_of(job.kind, job.job_indexes), label(outcome.value and outcome.value[1] or 'failed'))
  end
  local fields = outcome.fields
  if type(outcome.value) == 'table' then
    fields[#fields + 1] = 'code'
    fields[#fields + 1] = outcome.value[1]
  end
  redis.call('HSET', record, 'state', 'retrying', 'tries', job.tries + (is_rerun and 0 or 1), 'due_at', due,
    unpack(fields))
  if outcome.last and not redis.call('HGET', K.lane .. job.queue .. ':' .. job.lane, 'ordered') then
    local priority = redis.call('HGET', record, 'priority')
    redis.call('HSET', record, 'score', backlog_score(priority, (due + K.behind_ms) * 1000))
  end
  set_state(job, 'retrying')
  redis.call('ZADD', K.arq_queue[job.queue], due, job.id)
  note_deadline(job)
  redis.call('DEL', K.arq_running .. job.id)
  -- What an ARQ client has said of a job's time to live (`_expires`) holds for its retries too.
  if not job.arq then redis.call('PEXPIRE', K.arq_job .. job.id, outcome.delay_ms + K.arq_job_ms) end
end

-- What the job needs is away, such as the storage. It waits with growing pauses and uses up no try. All attempts of one
-- wait are one entry in the record, which has the number of the last one and begins with the first.
local function postpone(job, outcome)
  local record, entry, wait = K.job .. job.id, outcome.entry, outcome.wait
  local since, due, times, number, tries = string.match(redis.call('HGET', record, 'postponed') or '',
    '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  if since and tonumber(tries) == job.tries and now - tonumber(due) < wait.patience_ms then
    redis.call('HDEL', record, 'attempt:' .. number)
  else
    since, times = job.started_at, 0
  end
  entry.started_at, entry.times = tonumber(since), times + 1
  local fields = { 'attempt:' .. job.attempt, cjson.encode(entry) }
  count('errors', label_of(job.kind, job.job_indexes), label(outcome.value[1]))
  if now - entry.started_at >= wait.patience_ms then
    redis.call('HDEL', record, 'postponed')
    close_with_error(job, job.attempt, 'failed', outcome.value[1], wait.given_up, fields)
    return
  end
  outcome.delay_ms, outcome.fields = math.floor(math.min(wait.first_ms * 2 ^ times, wait.max_ms)), fields
  fields[#fields + 1] = 'postponed'
  fields[#fields + 1] = string.format('%.0f %.0f %d %d %d', entry.started_at, now + outcome.delay_ms, entry.times,
    job.attempt, job.tries)
  retry(job, outcome, true)
end

local function hand_back(job, outcome)
  redis.call('HSET', K.job .. job.id, 'state', 'queued', unpack(outcome.fields))
  set_state(job, 'queued')
  redis.call('DEL', K.arq_running .. job.id)
  requeue(job)
end

local function finish(job, outcome)
  local kind = label_of(job.kind, job.job_indexes)
  local is_rerun = outcome.verb == 'succeeded' and run_again_if_swept(job, outcome)
  local verb = outcome.verb
  count('attempts', kind, is_rerun and 'handed_back' or verb)
  if verb ~= 'handed_back' and verb ~= 'postponed' then observe('run', kind, now - tonumber(job.started_at)) end
  if outcome.cpu_ms then add_usage(job.owner, 'cpu ' .. kind, outcome.cpu_ms) end
  if verb == 'succeeded' and outcome.bytes then count('bytes', kind, '', outcome.bytes) end
  if outcome.receiver_ok ~= nil then
    update_breaker(job.queue, job.lane, outcome.receiver_ok, outcome.timed_out, outcome.pause_ms or 0)
  end
  if verb == 'retrying' then
    retry(job, outcome, is_rerun)
  elseif verb == 'handed_back' then
    hand_back(job, outcome)
  elseif verb == 'postponed' then
    postpone(job, outcome)
  else
    if outcome.blobs then
      add_usage(job.owner, 'out', outcome.bytes or 0)
      add_usage(job.owner, 'stored', need_blobs(job.id, outcome.blobs, kept_ms(job, verb), outcome.sizes))
    end
    close(job, job.attempt, verb, outcome.value, outcome.fields, outcome.arq_result)
    for _, index in ipairs(indexes_of(job.job_indexes, verb)) do gained[index] = (gained[index] or 0) + 1 end
  end
end

for n, outcome in ipairs(payload.outcomes) do
  local job = read(outcome.id)
  local is_ours = job and job.state == 'running' and job.worker == payload.worker and job.attempt == outcome.attempt
  answers[n] = is_ours or false
  if is_ours then
    local run = job.queue .. '\0' .. job.owner .. '\0' .. job.lane
    ended_runs[run] = (ended_runs[run] or 0) + 1
    if job.event and redis.call('ZREM', K.unanswered .. job.owner, job.id) == 1 then
      ended_unanswered[run] = (ended_unanswered[run] or 0) + 1
    end
    finish(job, outcome)
  end
end
for run, jobs in pairs(ended_runs) do
  local queue, owner, lane = string.match(run, '^(.-)%z(.-)%z(.*)$')
  leave_running(queue, lane, owner, jobs, ended_unanswered[run] or 0)
end
for run, jobs in pairs(ended_unanswered) do
  local queue, owner = string.match(run, '^(.-)%z(.-)%z')
  let_in_unanswered(queue, owner, jobs)
end
for index, jobs in pairs(gained) do forget_oldest(index, jobs) end
return cmsgpack.pack(answers)
