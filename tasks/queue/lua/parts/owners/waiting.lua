-- needs: owners/rates queues/made
-- How many jobs may wait, by payload.max_waiting (jobs of one queue, of all owners; nil: any number) and
-- payload.owner_limits (nil: none): waiting (jobs of the owner that are queued or retrying), scheduled, and job_indexes
-- (of the jobs that count, one for each kind). Only indexes are asked for their length: a long queue costs no more than
-- a short one.

local function count_in(job_indexes, ...)
  local jobs = 0
  for _, index in ipairs(job_indexes) do
    for _, state in ipairs({ ... }) do jobs = jobs + redis.call('ZCARD', K.jobs .. index .. ':' .. state) end
  end
  return jobs
end

-- How many deliveries an event of this type and channel makes, about: an endpoint that asked for it by two patterns
-- counts twice, and one whose filters leave it out counts too.
local function fan_out(owner, type, channel)
  local prefix = K.subscribers .. owner .. ':'
  local function subscribers(pattern)
    local function enabled(key) return redis.call('ZCOUNT', key, 0, '+inf') end
    return enabled(prefix .. pattern) + (channel and enabled(prefix .. pattern .. '#' .. channel) or 0)
  end
  local endpoints = subscribers(type) + subscribers('*')
  for dot in string.gmatch(type, '()%.') do endpoints = endpoints + subscribers(string.sub(type, 1, dot) .. '*') end
  return endpoints
end

-- The deliveries of an owner that wait, and those of events that wait to be expanded, as if each were like this one. An
-- event is refused before it is accepted, for one that is accepted reaches every endpoint. One that makes more than the
-- limit by itself is accepted while nothing waits.
local function find_excess_deliveries(owner, deliveries, limit)
  local waiting = count_in({ owner .. '/delivery' }, 'queued', 'retrying')
  local events = count_in({ owner .. '/event' }, 'queued')
  if waiting + events > 0 and waiting + (events + 1) * deliveries > limit then
    return { answer = 'owner_full', what = 'deliveries', waiting = waiting + events * deliveries, limit = limit }
  end
end

-- At least as many jobs as wait of any owner: those of all owners, which are fewer keys than the kinds of one.
local function count_all()
  local jobs = 0
  for _, queue in ipairs(all_queues()) do jobs = jobs + redis.call('ZCARD', K.arq_queue[queue]) end
  return jobs
end

-- What keeps new jobs of one owner out; nil: nothing does.
local function find_excess(jobs)
  local limits, owner, scheduled, events, deliveries = payload.owner_limits, jobs[1].owner, 0, 0, 0
  if limits then
    for _, job in ipairs(jobs) do
      if job.delay_ms > 0 or job.after then scheduled = scheduled + 1 end
      if job.event_type then
        events, deliveries = events + 1, deliveries + fan_out(owner, job.event_type, job.channel)
      end
    end
    -- A scheduled job waits later: it is refused too while the owner has as many waiting as may.
    local is_near = count_all() + #jobs > limits.waiting
    local waiting = is_near and count_in(limits.job_indexes, 'queued', 'retrying') or 0
    local more = math.max(#jobs - scheduled, 1)
    if waiting + more > limits.waiting then
      return { answer = 'owner_full', what = 'waiting', waiting = waiting, more = more, limit = limits.waiting }
    end
    local later = scheduled > 0 and count_in(limits.job_indexes, 'scheduled') or 0
    if scheduled > 0 and later + scheduled > limits.scheduled then
      return { answer = 'owner_full', what = 'scheduled', waiting = later, more = scheduled, limit = limits.scheduled }
    end
    local excess = deliveries > 0 and find_excess_deliveries(owner, deliveries, limits.waiting)
    excess = excess or events > 0 and find_haste('deliveries', owner, math.max(deliveries, events))
    if excess then return excess end
  end
  if not payload.max_waiting then return end
  local more = {}
  for _, job in ipairs(jobs) do more[job.queue] = (more[job.queue] or 0) + 1 end
  for queue, number in pairs(more) do
    local waiting = redis.call('ZCARD', K.arq_queue[queue])
    if waiting + number > payload.max_waiting then return { answer = 'full', waiting = waiting, queue = queue } end
  end
end
