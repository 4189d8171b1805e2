-- needs: lane_ids
-- OWNER_MAX_RUNNING=auto: an owner may have half of a queue's slots while another owner was active, else all of them.
-- Known of a queue are the two owners that were active last: that is enough to say of any owner whether another was.

-- slots (of all workers) to two_at: slots, active_owner, active_at, active_owner2, active_at2 of the queue's hash.
-- own_slots: of the worker that asks, which may not have said so yet.
local function activity_of(queue, own_slots, slots, one, one_at, two, two_at)
  return { queue = queue, slots = math.max(tonumber(slots or 0), own_slots or 0), owners = { one or '', two or '' },
    at = { tonumber(one_at or 0), tonumber(two_at or 0) }, changed = false }
end

-- The owner of a lane that has all of an owner's jobs; nil for a receiver's, and for what the service runs for itself.
local function owner_of_lane(lane)
  local kind, owner = parse_lane(lane)
  return kind == 'owner' and owner ~= 'system' and owner or nil
end

-- Jobs of a lane start. The time is kept to within some seconds, so that it is seldom written.
local function note_activity(activity, lane)
  local owner, owners, at = owner_of_lane(lane), activity.owners, activity.at
  if not owner then return end
  local place = owners[1] == owner and 1 or owners[2] == owner and 2
  if place and now - at[place] < K.active_step_ms then return end
  place = place or at[1] <= at[2] and 1 or 2
  owners[place], at[place], activity.changed = owner, now, true
end

-- Whether another owner was active lately, or has a job that has run since then. One that was not is forgotten.
local function is_shared(activity, owner)
  local owners, at = activity.owners, activity.at
  for place = 1, 2 do
    local other = owners[place]
    if other ~= '' and other ~= owner then
      if now - at[place] < K.active_ms then return true end
      activity.changed = true
      if tonumber(redis.call('HGET', K.lane .. activity.queue .. ':owner:' .. other, 'running') or 0) > 0 then
        at[place] = now
        return true
      end
      owners[place], at[place] = '', 0
    end
  end
  return false
end

-- Queues of which an owner alone leaves one slot free: another owner's photo must not wait for pictures that take long.
local LEAVES_ONE_FREE = { media = true }

-- How many jobs of an owner may run at once (0: any number, also while no worker has said how many slots there are).
local function share_of(activity, owner)
  local slots = activity.slots
  if slots > 0 and is_shared(activity, owner) then return math.max(math.floor(slots / 2), 1) end
  return LEAVES_ONE_FREE[activity.queue] and math.max(slots - 1, 0) or 0
end
