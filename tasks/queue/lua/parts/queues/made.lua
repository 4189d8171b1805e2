-- Queues that are made by naming them (tasks/settings/queues.py), and those of ARQ applications, which their workers
-- make. Four are always there, and are in no registry.

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
  local queues = {}
  for _, queue in ipairs(made_queues()) do
    if can_be_made(queue) then queues[#queues + 1] = queue end
  end
  for queue in pairs(K.arq_queue) do queues[#queues + 1] = queue end
  return queues
end

-- How many live jobs a queue has, those of ARQ's clients that wait to be adopted included.
local function live_jobs(queue)
  return redis.call('ZCARD', K.arq_queue[queue])
end
