-- A lane's name says whose jobs wait in it (tasks/queue/lanes/lane_id.py).

local function owner_lane(owner)
  return 'owner:' .. owner
end

-- Returns 'owner' and the owner; 'endpoint' or 'test' and the endpoint's id; 'host' and the owner; or nothing for a
-- name of another form.
local function parse_lane(lane)
  return string.match(lane, '^(%l+):([^:]*)')
end
