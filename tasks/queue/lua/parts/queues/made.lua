-- Queues that are made by naming them (tasks/settings/queues.py). Four are always there, and are in no registry.

local function is_always_there(queue)
  return rawget(K.arq_queue, queue) ~= nil
end

-- Whether this is the name of a queue that could be made. One of an ARQ application has a slash.
local function can_be_made(queue)
  return not is_always_there(queue) and #queue <= 40 and string.find(queue, '^[%l%d_-]+$') ~= nil
end

local function made_queues()
  return redis.call('ZRANGE', K.queues, 0, -1)
end

-- The names of all queues but those of ARQ applications.
local function all_queues()
  local queues = made_queues()
  for queue in pairs(K.arq_queue) do queues[#queues + 1] = queue end
  return queues
end

-- Makes a queue, or notes that one is used.
local function make_queue(queue, owner)
  if redis.call('ZADD', K.queues, now, queue) == 0 then return end
  redis.call('HSET', K.queue .. queue, 'made_at', now, 'made_by', owner)
  local suspended = redis.call('HGET', K.queue .. 'default', 'suspended')
  if suspended then redis.call('HSET', K.queue .. queue, 'suspended', suspended) end
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

-- How many live jobs a queue has, those of ARQ's clients that wait to be adopted included.
local function live_jobs(queue)
  return redis.call('ZCARD', K.arq_queue[queue])
end
