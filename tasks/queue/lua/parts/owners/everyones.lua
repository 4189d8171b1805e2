-- Endpoints and schedules of all owners together: an index as if there were an owner called '*', which none is. The
-- reconciliation brings those into it that a process of an earlier version has made.
local function list_for_everyone(index, id, created_at)
  redis.call('ZADD', index .. '*', 'NX', created_at, id)
end

local function leave_everyones(index, id)
  redis.call('ZREM', index .. '*', id)
end
