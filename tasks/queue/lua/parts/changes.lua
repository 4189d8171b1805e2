-- Tells those who watch a job, or a feed of jobs (tasks/queue/feed_keys.py). Everyone who watches anything listens to
-- one more channel: while nobody listens to that one, nothing is published or noted. It is one function, since each
-- takes time in every call of a script that has it.
local watched, followed
local function tell(id, what, owner, kind)
  if watched == nil then watched = redis.call('PUBSUB', 'NUMSUB', K.watched)[2] > 0 end
  if not watched then return end
  redis.call('PUBLISH', K.changes .. id, what)
  if not owner then return end
  local group = kind == 'delivery' and '/deliveries' or '/jobs'
  local feed = owner .. group
  followed = followed or {}
  if not followed[feed] then
    followed[feed] = redis.call('PUBSUB', 'NUMSUB', K.feed .. feed, K.feed .. '*' .. group)
  end
  -- The channel and the key of a feed have the same name.
  for n = 1, 3, 2 do
    local key = followed[feed][n]
    if followed[feed][n + 1] > 0 and redis.call('ZADD', key, now, id) == 1 then
      local noted = redis.call('ZCARD', key)
      if noted == 1 then redis.call('PEXPIRE', key, K.feed_ms) end
      if noted > K.feed_cap then redis.call('ZREMRANGEBYRANK', key, 0, 0) end
    end
  end
end
