-- Jobs wait for the end of others, those in their `after`: run_if says for which end, 'failure' or 'any'; nil is
-- success. The state of another is here the one in which it ended, but 'skipped' if it was not needed either.

local function end_of(state, code)
  return state == 'cancelled' and code == 'not_needed' and 'skipped' or state
end

-- Whether such an end is what the job waits for. A job that was skipped did neither succeed nor fail.
local function is_met(run_if, state)
  if run_if == 'any' then return true end
  if run_if == 'failure' then return state == 'failed' or state == 'cancelled' end
  return state == 'succeeded'
end
