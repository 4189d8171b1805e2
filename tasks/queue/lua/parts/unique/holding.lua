-- needs: counters
-- Unique keys: a job holds one as long as its submit said. The field `unique` of its record is '<span> <ms> <hash>',
-- where span is 'waiting' (until it begins), 'running' (until it ends), 'ended' (ms longer, unless it is cancelled) or
-- 'throttle' (ms from its submit, whatever becomes of it). The key in Redis has the id of its holder.

-- Whether a job in this state holds its key. finished_at: nil if it ends now, or that is not at hand.
local function holds_key(unique, state, finished_at)
  local span, span_ms = string.match(unique, '^(%l+) (%d+)')
  if span == 'throttle' then return true end
  if LIVE[state] then return span ~= 'waiting' or state ~= 'running' end
  return span == 'ended' and state ~= 'cancelled' and (not finished_at or finished_at + span_ms > now)
end

local function unique_key(owner, unique)
  return K.unique .. owner .. ':' .. string.match(unique, '%x+$')
end

-- Makes the key agree with a state that its job comes to be in: one that waits again holds it again, if it is free.
local function hold_unique(job, state)
  local key = unique_key(job.owner, job.unique)
  local holder = redis.call('GET', key)
  if holder and holder ~= job.id then return end
  local span, span_ms = string.match(job.unique, '^(%l+) (%d+)')
  if span == 'throttle' then
    if not job.state then redis.call('SET', key, job.id, 'PX', span_ms) end
  elseif not holds_key(job.unique, state) then
    if holder then redis.call('DEL', key) end
  elseif LIVE[state] then
    redis.call('SET', key, job.id, 'PX', K.unique_ms)
  elseif holder then
    redis.call('PEXPIRE', key, span_ms)
  end
end

-- Of a job that is deleted.
local function release_unique(job)
  local key = unique_key(job.owner, job.unique)
  if redis.call('GET', key) == job.id then redis.call('DEL', key) end
end

-- The job that holds a key, with its state: nothing if it is free. A process of an earlier version moves jobs without a
-- look at their keys, and a record may be gone, so it is the record that counts.
local function holder_of(key, hash)
  local id = redis.call('GET', key)
  if not id then return end
  local unique, state, finished_at, expires_at =
    unpack(redis.call('HMGET', K.job .. id, 'unique', 'state', 'finished_at', 'expires_at'))
  if state and unique and string.match(unique, '%x+$') == hash and (not expires_at or tonumber(expires_at) > now)
    and holds_key(unique, state, finished_at and tonumber(finished_at)) then
    return id, state
  end
  redis.call('DEL', key)
end

-- Whether another job holds the key of this ended one, so that it must not run again. A throttled submit is over.
local function is_held_by_another(job)
  if string.match(job.unique, '^throttle') then return false end
  local holder = holder_of(unique_key(job.owner, job.unique), string.match(job.unique, '%x+$'))
  return holder and holder ~= job.id
end
