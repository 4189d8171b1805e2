-- The states of a job that has not ended.
local LIVE = { scheduled = true, queued = true, running = true, retrying = true }
