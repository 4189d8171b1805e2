-- Before every transition: the steps that several transitions share. Words and states: tasks/queue/record.py.

-- A lane's line is ordered by rank, then by time in microseconds; both fit the 53 bits of a score.
local RANK = 2251799813685248
local RANKS = { high = 0, normal = 1, low = 2 }

local function line_score(priority, micros)
  return RANKS[priority] * RANK + micros
end

-- What the transitions need of a record; nil if there is none, or too little is left of it (reconcile.lua closes such).
local function read(id)
  local r = redis.call('HMGET', K.job .. id, 'state', 'owner', 'kind', 'queue', 'lane', 'shelves', 'event', 'created_at', 'started_at',
    'attempt', 'tries', 'lapses', 'score', 'worker', 'notify', 'batch', 'awaits', 'awaited', 'lost')
  if not (r[1] and r[3] and r[4] and r[5] and r[6] and r[8]) then return nil end
  return { state = r[1], owner = r[2], kind = r[3], queue = r[4], lane = r[5], shelves = r[6], event = r[7], created_at = r[8],
    started_at = r[9], attempt = tonumber(r[10] or 0), tries = tonumber(r[11] or 0), lapses = tonumber(r[12] or 0), score = r[13],
    worker = r[14], notify = r[15], batch = r[16], awaits = tonumber(r[17] or 0), awaited = r[18], lost = r[19] }
end

-- The indexes follow the state, and so does the tally of the event or batch that this job is part of; whoever watches the job is told.
-- job: state (that it leaves, if any), shelves, event or batch (if any), created_at, kind, queue.
local function set_state(id, job, to)
  for shelf in string.gmatch(job.shelves, '%S+') do
    local index = K.jobs .. shelf .. ':'
    if job.state then redis.call('ZREM', index .. job.state, id) end
    redis.call('ZADD', index .. to, job.created_at, id)
  end
  move(job, job.state, -1)
  move(job, to, 1)
  local whole = job.event or job.batch
  if whole and redis.call('EXISTS', K.job .. whole) == 1 then
    if job.state then redis.call('HINCRBY', K.job .. whole, 'tally:' .. job.state, -1) end
    redis.call('HINCRBY', K.job .. whole, 'tally:' .. to, 1)
    redis.call('PUBLISH', K.changes .. whole, 'tally')
  end
  if job.state then redis.call('PUBLISH', K.changes .. id, to) end
end

-- Who needs a blob is remembered from the time at which it is first needed: a job that is put off for weeks does not need it less.
local function need_blobs(id, blobs, delay_ms)
  for _, blob in ipairs(blobs) do
    redis.call('SADD', K.blob .. blob, id)
    if redis.call('PTTL', K.blob .. blob) < K.blob_ms + delay_ms then redis.call('PEXPIRE', K.blob .. blob, K.blob_ms + delay_ms) end
  end
end

-- A blob that the cleanup has marked may be gone, though its bytes have just been sent: whoever comes to need it must look first
-- (tasks/sweep.py). seen: sha256 → the mark under which it was found in storage; since: the time at which the bytes were sent at the
-- earliest. Answers {'swept', sha256, mark, ms until its deletion is over}, or nil.
local function swept(blobs, seen, since)
  for _, blob in ipairs(blobs) do
    local mark = redis.call('GET', K.swept .. blob)
    if mark then
      local ends = tonumber(string.match(mark, '%d+'))
      if ends > now or seen[blob] ~= mark and ends >= since then return { 'swept', blob, mark, math.max(ends - now, 0) } end
    end
  end
end

local function wake(queue)
  local list = K.wake .. queue
  if redis.call('LLEN', list) < K.wake_cap then redis.call('RPUSH', list, 1) end
end

-- Ended jobs expire in about the order of their index: it loses up to two dead ids for each that it gains.
local function forget_oldest(index, gained)
  for _, id in ipairs(redis.call('ZRANGE', index, 0, 2 * gained - 1)) do
    if redis.call('EXISTS', K.job .. id) == 1 then return end
    redis.call('ZREM', index, id)
  end
end

-- Until when a lane is left alone, if it is. One that waits for its next start by its rate is parked too, which is not meant here.
local function left_alone_until(queue, lane)
  local until_ms = tonumber(redis.call('ZSCORE', K.parked .. queue, lane) or 0)
  if until_ms == 0 or until_ms == tonumber(redis.call('HGET', K.lane .. queue .. ':' .. lane, 'next') or 0) then return nil end
  return until_ms
end

-- A lane joins the round just before the lane that was served last: after those that have waited since, before those that had their turn.
local function join_round(queue, lane)
  if redis.call('ZSCORE', K.parked .. queue, lane) then return end
  local turn = tonumber(redis.call('HGET', K.queue .. queue, 'turn') or 0)
  if redis.call('ZADD', K.turns .. queue, 'NX', turn - 0.5, lane) == 1 then redis.call('ZREM', K.full .. queue, lane) end
end

local function enter_lane(id, queue, lane, score)
  redis.call('ZADD', K.line .. queue .. ':' .. lane, score, id)
  redis.call('ZADD', K.arq_queue[queue], now + K.safety_ms, id)
  join_round(queue, lane)
  wake(queue)
end

-- A lane that was parked is not any more.
local function let_go(queue, lane)
  redis.call('ZREM', K.parked .. queue, lane)
  if redis.call('EXISTS', K.line .. queue .. ':' .. lane) == 1 then
    join_round(queue, lane)
    wake(queue)
  end
end

-- A job leaves its lane, or the suspects, without being claimed.
local function leave_lane(id, queue, lane)
  local line = K.line .. queue .. ':' .. lane
  redis.call('ZREM', line, id)
  redis.call('ZREM', K.suspects .. queue, id)
  if redis.call('EXISTS', line) == 0 then
    redis.call('ZREM', K.turns .. queue, lane)
    redis.call('ZREM', K.full .. queue, lane)
  end
end

-- A job under which workers died twice waits apart: it runs alone, so that nobody else is blamed if a third one dies.
local POISON_LAPSES = 3
local function wait_again(id, queue, lane, score, lapses)
  if lapses >= POISON_LAPSES - 1 then
    redis.call('ZADD', K.suspects .. queue, now, id)
    redis.call('ZADD', K.arq_queue[queue], now + K.safety_ms, id)
    wake(queue)
  else
    enter_lane(id, queue, lane, score)
  end
end

-- The story of an attempt whose worker can no longer tell it.
local function lapsed_attempt(number, worker, started_at)
  return cjson.encode({ number = number, worker = worker, outcome = 'lapsed', started_at = tonumber(started_at), ended_at = now })
end

-- How many of a lane's jobs may run at once (0: any number), by payload.lane_cap and receiver_cap. The limit of owners yields to a lane's
-- own, that of receivers is the most that one may ask for; a receiver that failed too often (trips) is probed by one job at a time.
local function cap_of(lane, own, trips)
  if trips then return 1 end
  if string.sub(lane, 1, 6) == 'owner:' then return tonumber(own or payload.lane_cap) end
  local cap = payload.receiver_cap
  return own and (tonumber(own) < cap or cap == 0) and tonumber(own) or cap
end

-- Jobs of this lane that ended or went back make room: a full lane may join the round again, and so may as many of its owner's others
-- that had to stand back because the owner had enough under way.
local function leave_running(queue, lane, count, owner)
  local key = K.lane .. queue .. ':' .. lane
  local left = redis.call('HINCRBY', key, 'running', -count)
  if left <= 0 then redis.call('HDEL', key, 'running') end
  local others = redis.call('SPOP', K.standing_back .. queue .. ':' .. owner, count)
  others[#others + 1] = lane
  for _, other in ipairs(others) do
    if redis.call('EXISTS', K.line .. queue .. ':' .. other) == 1 then
      join_round(queue, other)
      wake(queue)
    end
  end
end

-- ARQ's copy of a job, laid out as `arq.jobs.serialize_job` does. It carries the id alone: the record has the rest.
local function arq_body(id, kind)
  return '\133' .. cmsgpack.pack('t') .. '\192' .. cmsgpack.pack('f', kind, 'a', { id }, 'et', now) .. cmsgpack.pack('k') .. '\128'
end

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
  for shelf in string.gmatch(job.shelves, '%S+') do
    local index = K.jobs .. shelf
    redis.call('ZADD', index, now, job.id)
    -- One that is scheduled far ahead would shield the dead behind it: two looks by chance find them all in time.
    for _, id in ipairs(redis.call('ZRANDMEMBER', index, -2)) do
      if redis.call('EXISTS', K.job .. id) == 0 then redis.call('ZREM', index, id) end
    end
  end
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
  for shelf in string.gmatch(shelves, '%S+') do redis.call('ZADD', K.jobs .. shelf, now, id) end
  set_state(id, { shelves = shelves, created_at = now, kind = 'batch' }, 'running')
end

-- Something of ours happened: an `event` job, if any endpoint of the owner asked for its type, or a submit asked to be notified.
-- data: JSON. address: how the world reaches us, or false. notify: JSON of the one-off address, or false.
local function announce(owner, kind, data, address, notify, traceparent)
  local subscribers = K.subscribers .. owner .. ':'
  local heard = redis.call('EXISTS', subscribers .. kind, subscribers .. string.match(kind, '^[^.]+') .. '.*', subscribers .. '*')
  if heard == 0 and not notify then return end
  local fields = { 'name', kind }
  for name, value in pairs({ address = address or nil, notify = notify or nil, traceparent = traceparent or nil }) do
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  -- An id that nobody can guess: the data names a job or an endpoint, which has such a one.
  local id = string.sub(redis.sha1hex(owner .. kind .. data .. now), 1, 32)
  create({ id = id, kind = 'event', queue = 'default', owner = owner, lane = 'owner:' .. owner, shelves = owner .. ' ' .. owner .. '/event', priority = 'normal',
    params = '{"type":"' .. kind .. '","data":' .. data .. '}', delay_ms = 0, fields = fields, blobs = {} })
end

-- The end of a job as an event. JSON that is in the record already is passed on as it is: Lua's own would lose nulls and digits.
local SILENT = { event = true, delivery = true, cleanup = true, reconciliation = true }
local function announce_end(id, job, state)
  if SILENT[job.kind] then return end
  local said = redis.call('HMGET', K.job .. id, 'address', 'name', 'files', 'error', 'tally:succeeded', 'tally:failed', 'tally:cancelled',
    'traceparent')
  local jobs = job.kind == 'batch'
    and string.format('{"succeeded":%d,"failed":%d,"cancelled":%d}', said[5] or 0, said[6] or 0, said[7] or 0)
  local function member(name, json) return json and ',"' .. name .. '":' .. json or '' end
  local data = '{"id":"' .. id .. '","kind":' .. cjson.encode(job.kind) .. ',"state":"' .. state .. '"'
    .. member('name', said[2] and cjson.encode(said[2])) .. ',"created_at":' .. job.created_at
    .. ',"finished_at":' .. string.format('%.0f', now) .. member('files', said[3]) .. member('error', said[4]) .. member('jobs', jobs) .. '}'
  announce(job.owner, 'job.' .. state, data, said[1], job.notify, said[8])
end

local close

-- Jobs that were to come after this one are told: their timers are due when the last that they wait for has succeeded, or one that did
-- not. A few at a time: the timer of the ended job itself brings the rest, and a chain of them takes a claim for each.
local AFTER_AT_ONCE = 50
local function let_go_after(id, job, state)
  for _, waiting in ipairs(redis.call('SPOP', K.after .. id, AFTER_AT_ONCE)) do
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
  local r = redis.call('HMGET', record, 'state', 'open', 'total', 'tally:succeeded', 'tally:failed', 'tally:cancelled', 'cancelling')
  local good, bad = tonumber(r[4] or 0), tonumber(r[5] or 0) + tonumber(r[6] or 0)
  if r[1] ~= 'running' or r[2] or good + bad < tonumber(r[3]) then return end
  redis.call('PEXPIRE', K.jobs .. 'batch/' .. id, math.max(keep.succeeded, keep.failed) + keep.tombstone)
  if r[7] then
    local message = 'Cancelled, and with it its jobs.'
    close(id, read(id), 0, 'cancelled', { 'cancelled', message }, keep, { 'error', cjson.encode({ code = 'cancelled', message = message }) })
  elseif bad == 0 then
    close(id, read(id), 0, 'succeeded', cmsgpack.pack({ total = good }), keep, {})
  else
    local message = bad .. ' of its ' .. good + bad .. ' jobs did not succeed.'
    close(id, read(id), 0, 'failed', { 'batch_incomplete', message }, keep,
      { 'error', cjson.encode({ code = 'batch_incomplete', message = message }) })
  end
end

-- The end of a job, however it came: record, indexes, ARQ's keys, those who wait, and the event, together.
-- job: as read; fields: name, value, … for the record.
-- value: what ARQ's result carries, as msgpack (Lua's own would lose nulls and empty objects), or [code, message] if it did not succeed.
function close(id, job, attempt, state, value, keep, fields)
  local record = K.job .. id
  -- What a schedule runs seldom is kept longer, lest its history is but the last time.
  local kept = math.max(keep[job.kind] or keep[state], tonumber(redis.call('HGET', record, 'keep_ms') or 0))
  local expires = now + kept
  redis.call('HSET', record, 'state', state, 'finished_at', now, 'expires_at', expires, unpack(fields))
  redis.call('PEXPIRE', record, kept + keep.tombstone)
  set_state(id, job, state)
  local kind = label(job.kind)
  count('ended ' .. kind .. ' ' .. state)
  if state == 'failed' then count('errors ' .. kind .. ' ' .. label(type(value) == 'table' and value[1] or 'failed')) end
  local end_of = job.queue .. ' ' .. state
  if job.kind ~= 'batch' then ends[end_of] = (ends[end_of] or 0) + 1 end
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

-- fields: of the attempt that was the last.
local function close_poison(id, job, attempt, keep, fields)
  local message = 'Workers died under this job three times, the last time while it ran alone; it will not be run again.'
  fields[#fields + 1] = 'error'
  fields[#fields + 1] = cjson.encode({ code = 'poison', message = message })
  close(id, job, attempt, 'failed', { 'poison', message }, keep, fields)
end

-- One verb for each of payload.ids; the answers in their order. payload.by: the bulk job that says so {id, attempt, place}, or nil. It counts
-- the answers and notes how far it is in this very step, so that its count is true whoever dies; and whoever lost it does nothing more.
local function for_each(act)
  local by = payload.by
  if by then
    local r = redis.call('HMGET', K.job .. by.id, 'state', 'attempt')
    if r[1] ~= 'running' or tonumber(r[2]) ~= by.attempt then return cmsgpack.pack(false) end
    redis.call('HSET', K.job .. by.id, 'place', by.place)
  end
  local answers = {}
  for n, id in ipairs(payload.ids) do
    answers[n] = act(id)
    if by then redis.call('HINCRBY', K.job .. by.id, 'count:' .. answers[n], 1) end
  end
  return cmsgpack.pack(answers)
end
