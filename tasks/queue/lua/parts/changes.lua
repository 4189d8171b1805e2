-- Tells those who watch a job. Everyone who watches any job listens to one more channel: while nobody listens to that
-- one, nothing is published.
local watched
local function tell(id, what)
  if watched == nil then watched = redis.call('PUBSUB', 'NUMSUB', K.watched)[2] > 0 end
  if watched then redis.call('PUBLISH', K.changes .. id, what) end
end
