-- How often an upload token may still be used (tasks/accounts/tokens/upload_tokens.py).

-- Why the token allows no more uploads, or nil.
local function find_token_over(id)
  local uses, used = unpack(redis.call('HMGET', K.upload_token .. id, 'uses', 'used'))
  if not uses then return { answer = 'token_gone' } end
  if tonumber(used or 0) >= tonumber(uses) then return { answer = 'token_used', uses = tonumber(uses) } end
end

local function use_token(id)
  redis.call('HINCRBY', K.upload_token .. id, 'used', 1)
end
