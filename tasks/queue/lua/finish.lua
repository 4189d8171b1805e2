-- Attempts are over: ended, to be retried, or handed back. Whoever finds its job claimed by another changes nothing.
-- payload: worker, keep, outcomes {{id, attempt, verb, delay_ms, value, fields {name, value, …}, blobs {sha256, …}}, …};
-- verb: 'succeeded' | 'failed' | 'cancelled' | 'retrying' | 'handed_back'; value: what ARQ's result carries (see `close`).
-- Answers, in order, true or false (stale) for each.
local answers, left, gained = {}, {}, {}
for n, outcome in ipairs(payload.outcomes) do
  local id, attempt, verb, delay_ms, value, fields, blobs = unpack(outcome, 1, 7)
  local record = K.job .. id
  local r = redis.call('HMGET', record, 'state', 'worker', 'attempt', 'owner', 'queue', 'lane', 'created_at', 'kind', 'started_at',
    'tries', 'score', 'lapses')
  local mine = r[1] == 'running' and r[2] == payload.worker and tonumber(r[3]) == attempt
  answers[n] = mine
  if mine then
    local job = { state = r[1], owner = r[4], queue = r[5], created_at = r[7], kind = r[8], started_at = r[9] }
    local lane = job.queue .. '\0' .. r[6]
    left[lane] = (left[lane] or 0) + 1
    if verb == 'retrying' then
      local due = now + delay_ms
      redis.call('HSET', record, 'state', verb, 'tries', tonumber(r[10] or 0) + 1, 'due_at', due, unpack(fields))
      set_state(id, job.owner, job.created_at, 'running', verb)
      redis.call('ZADD', K.arq_queue[job.queue], due, id)
      redis.call('DEL', K.arq_running .. id)
      redis.call('PEXPIRE', K.arq_job .. id, delay_ms + K.arq_job_ms)
      redis.call('PUBLISH', K.changes .. id, verb)
    elseif verb == 'handed_back' then
      redis.call('HSET', record, 'state', 'queued', unpack(fields))
      set_state(id, job.owner, job.created_at, 'running', 'queued')
      redis.call('DEL', K.arq_running .. id)
      wait_again(id, job.queue, r[6], r[11], tonumber(r[12] or 0))
    else
      need_blobs(id, blobs)
      close(id, job, attempt, verb, value, payload.keep, fields)
      local index = K.jobs .. job.owner .. ':' .. verb
      gained[index] = (gained[index] or 0) + 1
    end
  end
end
for lane, count in pairs(left) do
  local queue, name = string.match(lane, '^(.-)%z(.*)$')
  leave_running(queue, name, count)
end
for index, count in pairs(gained) do forget_oldest(index, count) end
return cmsgpack.pack(answers)
