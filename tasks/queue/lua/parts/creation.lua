-- How jobs, batches and events come to be.

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
  for _, index in ipairs(indexes_of(job.shelves)) do redis.call('ZADD', index, now, job.id) end
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
  for _, index in ipairs(indexes_of(shelves)) do redis.call('ZADD', index, now, id) end
  set_state(id, { shelves = shelves, created_at = now, kind = 'batch' }, 'running')
end

-- Whether any endpoint of the owner asked for a type of ours, which has two words.
local heard = {}
local function is_heard(owner, kind)
  local of = heard[owner] or {}
  heard[owner] = of
  if of[kind] == nil then
    local subscribers = K.subscribers .. owner .. ':'
    of[kind] = redis.call('EXISTS', subscribers .. kind, subscribers .. string.match(kind, '^[^.]+') .. '.*', subscribers .. '*') > 0
  end
  return of[kind]
end

-- Something of ours happened: an `event` job, if any endpoint of the owner asked for its type, or a submit asked to be notified.
-- data: JSON. address: how the world reaches us, or false. notify: JSON of the one-off address, or false.
local function announce(owner, kind, data, address, notify, traceparent)
  if not notify and not is_heard(owner, kind) then return end
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
  if SILENT[job.kind] or not job.notify and not is_heard(job.owner, 'job.' .. state) then return end
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
