-- What changed in some feeds (tasks/queue/feed_keys.py). payload: feeds {{name, since (ms; nil: only begin), indexes
-- {name, …} (that hold its jobs)}, …}, states {name, …}, limit (ids of each feed and sort).
-- Answers now, and for each feed changed_ids and made_ids (the last ones first), changed and made (how many there are
-- in all). A job that was made since and has moved on is in changed. What happens in this very millisecond is left to
-- the next reading, so that nothing is counted twice.
local before = '(' .. string.format('%.0f', now)

local function newest(key, since, limit)
  return redis.call('ZREVRANGEBYSCORE', key, before, since, 'LIMIT', 0, limit)
end

local function read_feed(feed)
  local key, found = K.feed .. feed.name, { changed_ids = {}, made_ids = {}, changed = 0, made = 0 }
  -- Noting a change gives it a time to live at the first only.
  redis.call('PEXPIRE', key, K.feed_ms)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - K.feed_ms)
  if not feed.since then return found end
  found.changed = redis.call('ZCOUNT', key, feed.since, before)
  found.changed_ids = newest(key, feed.since, payload.limit)
  for _, index in ipairs(feed.indexes) do
    for _, name in ipairs(payload.states) do
      local zset = K.jobs .. index .. ':' .. name
      local gained = redis.call('ZCOUNT', zset, feed.since, before)
      found.made = found.made + gained
      if gained > 0 and #found.made_ids < payload.limit then
        for _, id in ipairs(newest(zset, feed.since, payload.limit - #found.made_ids)) do
          found.made_ids[#found.made_ids + 1] = id
        end
      end
    end
  end
  return found
end

local feeds = {}
for n, feed in ipairs(payload.feeds) do feeds[n] = read_feed(feed) end
return cmsgpack.pack({ now = now, feeds = feeds })
