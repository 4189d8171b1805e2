-- needs: changes counters indexes unique/holding
-- Records of jobs. tasks/queue/records/record.py explains their fields and states.

-- Some fields of a hash, by name; false where there is none.
local function fields_of(key, names)
  local values, fields = redis.call('HMGET', key, unpack(names)), {}
  for n = 1, #names do fields[names[n]] = values[n] end
  return fields
end

local READ_FIELDS = { 'state', 'owner', 'kind', 'queue', 'lane', 'shelves', 'event', 'created_at', 'started_at',
  'score', 'worker', 'notify', 'batch', 'awaited', 'lost', 'attempt', 'tries', 'lapses', 'awaits', 'keep_ms',
  'keep', 'arq', 'run_if', 'unique', 'deadline' }

local function is_packed(id)
  return redis.call('HEXISTS', K.job .. id, '0') == 1
end

-- What most scripts need of a record; nil if there is none, or too little is left of it (reconcile.lua closes such).
-- Of a packed record (packing.py) the lane and the indexes are not at hand: it has ended, and is restored before
-- anything is done with it.
local function read(id)
  local job = fields_of(K.job .. id, READ_FIELDS)
  if job.state and not job.shelves and is_packed(id) then
    job.is_packed, job.lane, job.shelves = true, '', ''
  end
  if not (job.state and job.kind and job.queue and job.lane and job.shelves and job.created_at) then return nil end
  job.id, job.job_indexes = id, job.shelves
  job.attempt, job.tries, job.lapses = tonumber(job.attempt or 0), tonumber(job.tries or 0), tonumber(job.lapses or 0)
  job.awaits, job.keep_ms = tonumber(job.awaits or 0), tonumber(job.keep_ms or 0)
  return job
end

-- The indexes follow the state, and so does the count of jobs by state of the event or batch that this job is part of;
-- those who watch the job are told. job: id, kind, owner, queue, job_indexes, created_at, state (that it leaves, if
-- any), and event, batch or unique, if any.
local function set_state(job, to)
  if job.state then
    for _, index in ipairs(indexes_of(job.job_indexes, job.state)) do redis.call('ZREM', index, job.id) end
  end
  for _, index in ipairs(indexes_of(job.job_indexes, to)) do redis.call('ZADD', index, job.created_at, job.id) end
  move(job, job.state, to)
  if job.unique then hold_unique(job, to) end
  local whole = job.event or job.batch
  if whole and redis.call('EXISTS', K.job .. whole) == 1 then
    if job.state then redis.call('HINCRBY', K.job .. whole, 'tally:' .. job.state, -1) end
    redis.call('HINCRBY', K.job .. whole, 'tally:' .. to, 1)
    tell(whole, 'tally', job.owner)
  end
  if job.state then tell(job.id, to, job.owner, job.kind) end
end
