-- needs: queues/made
-- How queues are made by naming them.

-- Makes a queue, or notes that one is used.
local function make_queue(queue, owner)
  if redis.call('ZADD', K.queues, now, queue) == 0 then return end
  redis.call('HSET', K.queue .. queue, 'made_at', now, 'made_by', owner)
  local suspended = redis.call('HGET', K.queue .. 'default', 'suspended')
  if suspended then redis.call('HSET', K.queue .. queue, 'suspended', suspended) end
end

-- A job is put into a queue that was made: the owner's cap holds in it as in the others (submit/owner.lua).
local function use_queue(queue, owner)
  make_queue(queue, owner)
  local lane = ':owner:' .. owner
  local cap = redis.call('HGET', K.lane .. 'default' .. lane, 'cap')
  if cap then redis.call('HSET', K.lane .. queue .. lane, 'cap', cap) end
end

-- Why a queue cannot be made; nil: it is there, or can be. most: how many there may be. own: how many its owner may
-- have made (nil: any number).
local function find_queue_refusal(queue, owner, most, own)
  if redis.call('ZSCORE', K.queues, queue) then return end
  local queues, has = made_queues(), 0
  if own then
    for _, one in ipairs(queues) do
      if redis.call('HGET', K.queue .. one, 'made_by') == owner then has = has + 1 end
    end
    if has >= own then return { answer = 'queue_unknown', id = queue, limit = own } end
  end
  if #queues >= most then return { answer = 'too_many_queues', id = queue, limit = most } end
end
