-- The deadline of a job: no attempt begins after it. The timer of a job that waits is due by then, whatever it is for.

local function is_late(deadline)
  return deadline and tonumber(deadline) <= now
end

-- Call it after the timer of a waiting job was set for another time. job: id, queue, deadline (false or nil: none).
local function note_deadline(job)
  if job.deadline then redis.call('ZADD', K.arq_queue[job.queue], 'XX', 'LT', job.deadline, job.id) end
end

-- Of a new job. start_within_ms: its deadline, counted from now.
local function set_deadline(job)
  job.deadline = job.deadline or now + job.start_within_ms
  redis.call('HSET', K.job .. job.id, 'deadline', job.deadline)
  note_deadline(job)
end
