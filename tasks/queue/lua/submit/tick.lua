-- needs: creation
-- A schedule's time has come, or somebody runs it by hand: its job is made, or it is noted why not. Of all workers that say so one is first.
-- payload: id, revision (the schedule's, as it was read), due and next (ms; nil: by hand), missed (whether what was due does not run any more),
-- run_at (ms) and job (what `create` takes; nil: nothing runs), overlap ('skip' | 'allow'), max_waiting, system (the owner of the house's own lines), most (runs that are remembered).
-- Answers {'made', id, now} | {'skipped', reason} | {'full', waiting} (by hand) | {'missed'} | {'taken'} (another was first, or it was changed).
local id, key, job = payload.id, K.schedule .. payload.id, payload.job
local runs = K.runs .. id
local OPEN = { scheduled = true, queued = true, running = true, retrying = true }

local function note(at, member)
  redis.call('ZADD', runs, at, member)
  redis.call('ZREMRANGEBYRANK', runs, 0, -payload.most - 1)
end

local function skip(at, reason)
  note(at, string.format('skipped:%s:%.0f:%.0f', reason, at, now))
end

local function start()
  -- ARQ's own cron was first, and its job is the run: it has been adopted by a worker already, or is now.
  if redis.call('EXISTS', K.job .. job.id) == 1 then
    redis.call('HSET', K.job .. job.id, unpack(job.fields))
  else
    local arqs = redis.call('EXISTS', K.arq_job .. job.id) == 1
    local last = payload.due and payload.overlap == 'skip' and redis.call('HGET', key, 'last_run')
    local waiting = redis.call('ZCARD', K.arq_queue[job.queue])
    local reason = last and OPEN[redis.call('HGET', K.job .. last, 'state')] and 'overlap'
      -- The house's own lines mend, and tell of, a queue that is full.
      or waiting >= payload.max_waiting and job.owner ~= payload.system and 'queue_full'
    if reason and not payload.due then return { 'full', waiting } end
    if reason then
      if arqs then
        redis.call('DEL', K.arq_job .. job.id)
        redis.call('ZREM', K.arq_queue[job.queue], job.id)
      end
      skip(payload.run_at, reason)
      return { 'skipped', reason }
    end
    job.adopt = arqs or nil
    create(job)
  end
  redis.call('HSET', key, 'last_run', job.id)
  note(payload.run_at or now, job.id)
  return { 'made', job.id, now }
end

if redis.call('HGET', key, 'revision') ~= payload.revision then return cmsgpack.pack({ 'taken' }) end
if payload.due then
  local due = redis.call('ZSCORE', K.schedules, id)
  if not due or tonumber(due) ~= payload.due then return cmsgpack.pack({ 'taken' }) end
  redis.call('ZADD', K.schedules, payload.next, id)
  if payload.missed then skip(payload.due, 'missed') end
end
return cmsgpack.pack(job and start() or { 'missed' })
