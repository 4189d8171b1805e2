-- needs: accounts/audit blobs bulk changes counters indexes records unique/holding
-- Ended jobs are deleted, and some minutes later their bytes, if nothing else needs them. An ARQ client may have
-- given the id of one to a new job: ARQ's keys are that one's.
-- payload: ids, by, last (`for_each`), reused (true: only those whose id was given to a new job). Answers for each
-- 'deleted' | 'unknown' | 'packed' (restore all first) | 'needed' (an event that is still being delivered, or a
-- job whose end has not been told to all that wait for it) | the state of one that has not ended, or is not reused.

local function is_needed(job)
  if redis.call('EXISTS', K.after .. job.id) == 1 then return true end
  for state in pairs(job.kind == 'event' and LIVE or {}) do
    if tonumber(redis.call('HGET', K.job .. job.id, 'tally:' .. state) or 0) > 0 then return true end
  end
end

-- The last attempt at a delivery that has noted that its exchange is in the storage (tasks/webhook/exchanges).
local function last_kept(job)
  for number = job.kind == 'delivery' and job.attempt or 0, 1, -1 do
    local attempt = redis.call('HGET', K.job .. job.id, 'attempt:' .. number)
    local about = attempt and cjson.decode(attempt).about
    if type(about) == 'table' and about.kept then return number end
  end
end

local function delete(id)
  local job = read(id)
  if not job then return 'unknown' end
  if job.is_packed then return 'packed' end
  local reused = not LIVE[job.state] and redis.call('EXISTS', K.arq_job .. id) == 1
  if LIVE[job.state] or payload.reused and not reused then return job.state end
  if is_needed(job) then return 'needed' end
  if job.unique then release_unique(job) end
  local record = K.job .. id
  local blobs, files = unpack(redis.call('HMGET', record, 'blobs', 'files'))
  local needed = {}
  for blob in string.gmatch(blobs or '', '%x+') do needed[#needed + 1] = blob end
  for _, file in ipairs(cjson.decode(files or '[]')) do needed[#needed + 1] = file.blob end
  give_up_blobs(id, needed, job.owner)
  -- What its attempts that failed have sent and received (tasks/maintenance/exchanges.py).
  local kept = last_kept(job)
  if kept then
    redis.call('ZADD', K.unneeded_exchanges, kept, id)
    redis.call('PEXPIRE', K.unneeded_exchanges, K.unneeded_ms)
  end
  -- The original of a picture that is kept longer than its job (tasks/uploads/originals.py).
  local original = redis.call('HGET', K.upload .. id, 'blob')
  if original then
    redis.call('DEL', K.upload .. id)
    give_up_blobs('upload:' .. id, { original }, job.owner)
  end
  for _, index in ipairs(indexes_of(job.job_indexes, job.state)) do redis.call('ZREM', index, id) end
  if job.event then redis.call('ZREM', K.jobs .. 'event/' .. job.event, id) end
  if job.batch then redis.call('ZREM', K.jobs .. 'batch/' .. job.batch, id) end
  redis.call('DEL', record, K.jobs .. 'event/' .. id, K.jobs .. 'batch/' .. id, K.freed_by .. id, K.arq_result .. id,
    K.kept_body .. id)
  if not reused then
    redis.call('DEL', K.arq_running .. id, K.arq_retry .. id)
    redis.call('ZREM', K.arq_queue[job.queue], id)
    redis.call('ZREM', K.arq_abort, id)
  end
  write_audit({ owner = job.owner, id = id, before = { state = job.state } })
  tell(id, 'deleted', job.owner, job.kind)
  return 'deleted'
end
return for_each(delete, is_packed)
