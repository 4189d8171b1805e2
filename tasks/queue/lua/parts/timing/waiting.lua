-- needs: ending lanes records timing/deadlines timing/late
-- The timer of a job that waits for its time, for other jobs, or in a lane that may have lost it.
local function handle_waiting(job, is_cancelled)
  if is_cancelled then
    leave_lane(job)
    close_cancelled(job, 'Cancelled before it started.')
  elseif job.lost then
    close_lost(job)
  elseif is_late(job.deadline) then
    close_late(job)
  elseif job.awaits > 0 then
    redis.call('ZADD', K.arq_queue[job.queue], safety_at(), job.id)
    note_deadline(job)
  else
    if job.state ~= 'queued' then
      redis.call('HSET', K.job .. job.id, 'state', 'queued')
      set_state(job, 'queued')
    end
    requeue(job)
  end
end
