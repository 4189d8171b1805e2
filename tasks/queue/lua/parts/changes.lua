-- Whoever watches any job listens to one channel besides: without such a one nobody is told anything.
local watched
local function tell(id, what)
  if watched == nil then watched = redis.call('PUBSUB', 'NUMSUB', K.watched)[2] > 0 end
  if watched then redis.call('PUBLISH', K.changes .. id, what) end
end
