-- needs: ending lanes
-- Jobs whose deadline has passed while they waited.

-- Closes such a job. It uses no attempt.
local function close_late(job)
  leave_lane(job)
  close_with_error(job, job.attempt, 'failed', 'deadline_passed',
    'The deadline passed before an attempt could begin. Retry the job, which then has no deadline, or submit it again'
    .. ' with a later one.')
end
