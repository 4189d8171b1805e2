-- needs: blobs changes counters indexes lanes records timing/timers unique/holding
-- A submit meets the job that holds its unique key. payload.unique: hash, on_conflict ('return' | 'replace' |
-- 'reject'), and of a debounce wait_ms and max_wait_ms.

-- Returns what is answered to the submit (nil: the key is free), or false and the id of the waiting job that it is to
-- replace. One that runs, or has ended, is never replaced.
local function find_conflict(owner)
  local unique = payload.unique
  local id, state = holder_of(K.unique .. owner .. ':' .. unique.hash, unique.hash)
  if not id then return end
  if unique.on_conflict == 'return' then return { answer = 'held', id = id } end
  if unique.on_conflict == 'replace' and LIVE[state] and state ~= 'running' then return false, id end
  return { answer = 'conflict', id = id, state = state }
end

-- What a submit says of a job besides its params, blobs and tags. The new submit's takes the place of all of it.
local SAID = { 'name', 'request_id', 'address', 'notify', 'metadata', 'urls', 'destination', 'viewer', 'minter', 'tags',
  'traceparent', 'tracestate', 'keep_ms', 'keep', 'unique', 'unique_as', 'blobs', 'tries', 'postponed', 'timeout_s',
  'max_tries' }

-- A debounced job that is not due yet is put off again: wait_ms from now, and never longer than max_wait_ms after the
-- first submit.
local function put_off(waiting, unique)
  local priority = redis.call('HGET', K.job .. waiting.id, 'priority')
  local due = math.min(now + unique.wait_ms, tonumber(waiting.created_at) + unique.max_wait_ms)
  redis.call('HSET', K.job .. waiting.id, 'due_at', due, 'score',
    backlog_score(priority, due * 1000 + clock[2] % 1000))
  redis.call('ZADD', K.arq_queue[waiting.queue], due, waiting.id)
  redis.call('PEXPIRE', K.arq_job .. waiting.id, math.max(due - now, 0) + K.arq_job_ms)
  wake(waiting.queue)
end

-- What the submit says of `job` takes the place of what the waiting job `id` has: this keeps its id, its time, its
-- priority and its place, has all its tries, and what waits for it goes on waiting.
local function replace(id, job)
  local record, waiting = K.job .. id, read(id)
  local former = redis.call('HGET', record, 'blobs') or ''
  for _, index in ipairs(indexes_of(waiting.job_indexes, waiting.state)) do redis.call('ZREM', index, id) end
  for _, index in ipairs(indexes_of(job.job_indexes, waiting.state)) do
    redis.call('ZADD', index, waiting.created_at, id)
  end
  redis.call('HDEL', record, unpack(SAID))
  redis.call('HSET', record, 'shelves', job.job_indexes, 'params', job.params, unpack(job.fields))
  local needed, given_up = {}, {}
  for _, blob in ipairs(job.blobs) do needed[blob] = true end
  for blob in string.gmatch(former, '%x+') do
    if not needed[blob] then given_up[#given_up + 1] = blob end
  end
  give_up_blobs(id, given_up, job.owner)
  if #job.blobs > 0 then redis.call('HSET', record, 'blobs', table.concat(job.blobs, ' ')) end
  local stored = need_blobs(id, job.blobs, job.delay_ms, job.received)
  if job.received then
    for _, bytes in pairs(job.received) do add_usage(job.owner, 'in', bytes) end
    add_usage(job.owner, 'stored', stored)
  end
  if payload.unique.wait_ms and waiting.state == 'scheduled' then put_off(waiting, payload.unique) end
  local deadline = job.deadline or job.start_within_ms and now + job.start_within_ms
  if deadline or waiting.deadline then change_deadline(waiting, deadline) end
  tell(id, waiting.state, job.owner, job.kind)
end
