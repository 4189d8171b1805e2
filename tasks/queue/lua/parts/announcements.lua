-- needs: creation lane_ids
-- Events of our own, such as the end of a job.

-- Whether any endpoint of the owner asked for this type, or somebody listens. Our types have two words.
local subscribed = {}
local function has_subscribers(owner, type)
  local types = subscribed[owner]
  if not types then
    types = {}
    subscribed[owner] = types
  end
  if types[type] == nil then
    local prefix = K.subscribers .. owner .. ':'
    local group = string.match(type, '^[^.]+') .. '.*'
    types[type] = redis.call('EXISTS', prefix .. type, prefix .. group, prefix .. '*', K.listening .. owner) > 0
  end
  return types[type]
end

-- Makes an `event` job, if any endpoint of the owner asked for its type, or the submit asked to be notified.
-- data: JSON. context: of the job that it tells of, where there is such: address (base URL of the API), notify (JSON of
-- the URL that is notified), traceparent, tracestate, tags (JSON, which its event has too) and tag_indexes.
local function announce(owner, type, data, context)
  if not context.notify and not has_subscribers(owner, type) then return end
  local fields = { 'name', type }
  for _, name in ipairs({ 'address', 'notify', 'traceparent', 'tracestate', 'tags' }) do
    if context[name] then
      fields[#fields + 1] = name
      fields[#fields + 1] = context[name]
    end
  end
  -- An id that nobody can guess: the data names a job or an endpoint, whose id nobody can guess.
  local id = string.sub(redis.sha1hex(owner .. type .. data .. now), 1, 32)
  create({ id = id, kind = 'event', queue = 'default', owner = owner, lane = service_lane(owner),
    job_indexes = owner .. '/event */event' .. (context.tag_indexes or ''), priority = 'normal',
    params = '{"type":"' .. type .. '","data":' .. data .. '}', delay_ms = 0, fields = fields, blobs = {} })
end
