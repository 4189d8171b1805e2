-- needs: accounts/audit counters creation owners/quotas owners/rates owners/waiting
-- A schedule's time has come, or somebody runs it by hand: its job is made, or it is noted why not. Of all workers that
-- say so one is first.
-- payload: id, revision (the schedule's, as it was read), due and next (ms; nil: by hand), missed (whether what was due
-- does not run any more), run_at (ms) and job (what `create` takes; nil: nothing runs), overlap ('skip' | 'allow'),
-- system (the owner of built-in schedules), most (runs that are remembered), reasons (by the answers of `find_excess`),
-- and the limits (`find_excess`).
-- Answers answer: 'made' (id, now), 'skipped' (reason), by hand an answer of `find_excess` or 'redis_full', 'missed'
-- or 'taken' (another was first, or the schedule was changed).
local id, key, job = payload.id, K.schedule .. payload.id, payload.job
local runs = K.runs .. id

local function note(at, member)
  redis.call('ZADD', runs, at, member)
  redis.call('ZREMRANGEBYRANK', runs, 0, -payload.most - 1)
end

-- While an owner is suspended its schedules skip each run; the first says so, for the runs that came before are to
-- be seen afterwards.
local function skip(at, reason)
  local prefix = 'skipped:' .. reason
  local last = reason == 'owner_suspended' and redis.call('ZRANGE', runs, -1, -1)[1]
  if last and string.sub(last, 1, #prefix) == prefix then return end
  note(at, string.format('skipped:%s:%.0f:%.0f', reason, at, now))
end

local function start()
  -- ARQ's own cron was first, and its job is the run: it has been adopted by a worker already, or is now.
  if redis.call('EXISTS', K.job .. job.id) == 1 then
    redis.call('HSET', K.job .. job.id, unpack(job.fields))
  else
    local has_arq_job = redis.call('EXISTS', K.arq_job .. job.id) == 1
    local suspended = payload.due and redis.call('HEXISTS', K.suspended, job.owner) == 1
    apply_quotas(job.owner)
    local last = payload.due and payload.overlap == 'skip' and redis.call('HGET', key, 'last_run')
    local excess = not payload.due and find_haste('runs', job.owner, 1) or find_excess({ job })
    local reason = suspended and 'owner_suspended'
      or last and LIVE[redis.call('HGET', K.job .. last, 'state')] and 'overlap'
      -- Built-in schedules repair, and report, what is full.
      or job.owner ~= payload.system and payload.full and 'redis_full'
      or excess and payload.reasons[excess.answer]
    if reason == 'redis_full' and not payload.due then return { answer = 'redis_full' } end
    if excess and not payload.due then return excess end
    if reason then
      if has_arq_job then
        redis.call('DEL', K.arq_job .. job.id)
        redis.call('ZREM', K.arq_queue[job.queue], job.id)
      end
      skip(payload.run_at, reason)
      return { answer = 'skipped', reason = reason }
    end
    job.adopt = has_arq_job or nil
    spend()
    create(job)
  end
  redis.call('HSET', key, 'last_run', job.id)
  note(payload.run_at or now, job.id)
  write_audit({ owner = job.owner, id = id, after = { job = job.id } })
  return { answer = 'made', id = job.id, now = now }
end

if redis.call('HGET', key, 'revision') ~= payload.revision then return cmsgpack.pack({ answer = 'taken' }) end
if payload.due then
  local due = redis.call('ZSCORE', K.schedules, id)
  if not due or tonumber(due) ~= payload.due then return cmsgpack.pack({ answer = 'taken' }) end
  write_when_full()
  redis.call('ZADD', K.schedules, payload.next, id)
  if payload.missed then skip(payload.due, 'missed') end
end
return cmsgpack.pack(job and start() or { answer = 'missed' })
