-- needs: lanes timing/deadlines
-- The timer of a job that waits, when its time or its deadline has been changed.

-- job: as read, with the deadline that it has now.
local function reset_timer(job)
  local lies_in_lane = job.state == 'queued' or job.awaits > 0
  -- One that has lost what it waited for is closed as soon as its timer is looked at.
  local due = job.lost and now or lies_in_lane and safety_at()
    or tonumber(redis.call('HGET', K.job .. job.id, 'due_at'))
  redis.call('ZADD', K.arq_queue[job.queue], due, job.id)
  note_deadline(job)
  wake(job.queue)
end

-- deadline: in ms; nil: none.
local function change_deadline(job, deadline)
  if deadline then
    redis.call('HSET', K.job .. job.id, 'deadline', deadline)
  else
    redis.call('HDEL', K.job .. job.id, 'deadline')
  end
  job.deadline = deadline
  reset_timer(job)
end
