-- A lane's name says whose jobs wait in it (tasks/queue/lanes/lane_id.py).

local function owner_lane(owner)
  return 'owner:' .. owner
end

-- The lane of the service's own work for an owner. No pause of its queue holds it back.
local function service_lane(owner)
  return 'service:' .. owner
end

local function is_service(lane)
  return string.sub(lane, 1, 8) == 'service:'
end

-- Returns 'owner' or 'service' and the owner; 'endpoint' or 'test' and the endpoint's id; 'host' and the owner; or
-- nothing for a name of another form.
local function parse_lane(lane)
  return string.match(lane, '^(%l+):([^:]*)')
end
