-- needs: counters
-- Of the jobs that ask for the same work, one does it; the others wait for it and use its result.
-- payload: work (what names it), id and kind of the job that asks, ttl_ms (for how long the work is remembered), and
-- usable or useless: the id of a job whose result the asker has looked at, or has waited for in vain.
-- Answers verdict and id: 'work' (the asker does it), 'wait' (job id does it now), 'look' (job id has done it: see
-- whether its result can be used, and ask again), 'use' (the result of job id counts).
local key = K.same_work .. payload.work
local other = redis.call('GET', key)
if other and other ~= payload.id and other ~= payload.useless then
  local state = redis.call('HGET', K.job .. other, 'state')
  if state == 'running' then return cmsgpack.pack({ verdict = 'wait', id = other }) end
  if state == 'succeeded' then
    local is_usable = other == payload.usable
    if is_usable then count('shared', label(payload.kind), '') end
    return cmsgpack.pack({ verdict = is_usable and 'use' or 'look', id = other })
  end
end
redis.call('SET', key, payload.id, 'PX', payload.ttl_ms)
return cmsgpack.pack({ verdict = 'work', id = payload.id })
