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

-- Whoever watches any job listens to one channel besides: without such a one nobody is told anything.
local watched
local function tell(id, what)
  if watched == nil then watched = redis.call('PUBSUB', 'NUMSUB', K.watched)[2] > 0 end
  if watched then redis.call('PUBLISH', K.changes .. id, what) end
end

-- The names of a job's indexes for a state, or for all. Most jobs of one call are on the same shelves.
local indexes = {}
local function indexes_of(shelves, state)
  state = state or ''
  local known = indexes[shelves]
  if not known then
    known = {}
    indexes[shelves] = known
  end
  local names = known[state]
  if not names then
    names = {}
    for shelf in string.gmatch(shelves, '%S+') do names[#names + 1] = K.jobs .. shelf .. (state == '' and '' or ':' .. state) end
    known[state] = names
  end
  return names
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

-- Who needs a blob is remembered from the time at which it is first needed: a job that is put off for weeks does not need it less.
local function need_blobs(id, blobs, delay_ms)
  for _, blob in ipairs(blobs) do
    redis.call('SADD', K.blob .. blob, id)
    if redis.call('PTTL', K.blob .. blob) < K.blob_ms + delay_ms then redis.call('PEXPIRE', K.blob .. blob, K.blob_ms + delay_ms) end
  end
end

-- A blob that the cleanup has marked may be gone, though its bytes have just been sent: whoever comes to need it must look first
-- (tasks/maintenance/sweep.py). seen: sha256 → the mark under which it was found in storage; since: the time at which the bytes were sent at the
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

-- Ended jobs expire in about the order of their index: it loses up to two dead ids for each that ends. What lies behind one that lives long
-- is left to the cleanup.
local function forget_oldest(index, gained)
  for _, id in ipairs(redis.call('ZRANGE', index, 0, 2 * gained - 1)) do
    if redis.call('EXISTS', K.job .. id) == 1 then return end
    redis.call('ZREM', index, id)
  end
end
