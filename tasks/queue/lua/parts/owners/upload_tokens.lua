-- How often an upload token may still be used (tasks/accounts/tokens/upload_tokens.py). An upload in parts holds a use
-- from its creation until it is stored, or expires.

local MOST_LOOKED_AT = 100

-- Whether the use is taken already: the upload holds one, or was stored with one.
local function has_use(id, upload)
  if not upload then return false end
  local until_ms = redis.call('ZSCORE', K.upload_token .. id .. ':held', upload)
  return until_ms and tonumber(until_ms) > now or redis.call('HGET', K.upload .. upload, 'use_of') == id
end

-- Why the token allows no more uploads, or nil. upload: the one that is to take the use, or nil.
local function find_token_over(id, upload)
  local uses, used = unpack(redis.call('HMGET', K.upload_token .. id, 'uses', 'used'))
  if not uses then return { answer = 'token_gone' } end
  local held = redis.call('ZCOUNT', K.upload_token .. id .. ':held', '(' .. now, '+inf')
  if tonumber(used or 0) + held >= tonumber(uses) and not has_use(id, upload) then
    return { answer = 'token_used', uses = tonumber(uses), held = held }
  end
end

-- An upload that was stored with a use gives it to its image.
local function use_token(id, upload)
  if upload then
    redis.call('ZREM', K.upload_token .. id .. ':held', upload)
    if redis.call('HGET', K.upload .. upload, 'use_of') == id then
      redis.call('HDEL', K.upload .. upload, 'use_of')
      return
    end
  end
  redis.call('HINCRBY', K.upload_token .. id, 'used', 1)
end

-- Of the uploads that hold a use one of this length and Upload-Metadata (or nil) of which no byte was sent, or nil: the
-- answer to its creation may be lost.
local function find_not_begun(id, length, about)
  local held = K.upload_token .. id .. ':held'
  for _, upload in ipairs(redis.call('ZRANGE', held, '(' .. now, '+inf', 'BYSCORE', 'LIMIT', 0, MOST_LOOKED_AT)) do
    local fields = redis.call('HMGET', K.incoming .. upload, 'offset', 'writer', 'length', 'about')
    local is_same = tonumber(fields[3]) == length and fields[4] == (about or false)
    if is_same and fields[1] == '0' and not fields[2] then return upload end
  end
end

local function hold_use(id, upload, until_ms)
  local held = K.upload_token .. id .. ':held'
  redis.call('ZREMRANGEBYSCORE', held, '-inf', now)
  redis.call('ZADD', held, until_ms, upload)
  redis.call('PEXPIRE', held, K.upload_tokens_ms)
end
