-- needs: changes counters indexes
-- What the transitions read and write of a record. Words and states: tasks/queue/records/record.py.

-- What the transitions need of a record; nil if there is none, or too little is left of it (reconcile.lua closes such).
local function read(id)
  local r = redis.call('HMGET', K.job .. id, 'state', 'owner', 'kind', 'queue', 'lane', 'shelves', 'event', 'created_at', 'started_at',
    'attempt', 'tries', 'lapses', 'score', 'worker', 'notify', 'batch', 'awaits', 'awaited', 'lost',
    'keep_ms')
  if not (r[1] and r[3] and r[4] and r[5] and r[6] and r[8]) then return nil end
  return { state = r[1], owner = r[2], kind = r[3], queue = r[4], lane = r[5], shelves = r[6], event = r[7], created_at = r[8],
    started_at = r[9], attempt = tonumber(r[10] or 0), tries = tonumber(r[11] or 0), lapses = tonumber(r[12] or 0), score = r[13],
    worker = r[14], notify = r[15], batch = r[16], awaits = tonumber(r[17] or 0), awaited = r[18], lost = r[19], keep_ms = tonumber(r[20] or 0) }
end

-- The indexes follow the state, and so does the tally of the event or batch that this job is part of; whoever watches the job is told.
-- job: state (that it leaves, if any), shelves, event or batch (if any), created_at, kind, queue.
local function set_state(id, job, to)
  if job.state then
    for _, index in ipairs(indexes_of(job.shelves, job.state)) do redis.call('ZREM', index, id) end
  end
  for _, index in ipairs(indexes_of(job.shelves, to)) do redis.call('ZADD', index, job.created_at, id) end
  move(job, job.state, -1)
  move(job, to, 1)
  local whole = job.event or job.batch
  if whole and redis.call('EXISTS', K.job .. whole) == 1 then
    if job.state then redis.call('HINCRBY', K.job .. whole, 'tally:' .. job.state, -1) end
    redis.call('HINCRBY', K.job .. whole, 'tally:' .. to, 1)
    tell(whole, 'tally')
  end
  if job.state then tell(id, to) end
end
