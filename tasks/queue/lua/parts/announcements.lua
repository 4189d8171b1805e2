-- needs: creation
-- Whether any endpoint of the owner asked for a type of ours, which has two words.
local heard = {}
local function is_heard(owner, kind)
  local of = heard[owner] or {}
  heard[owner] = of
  if of[kind] == nil then
    local subscribers = K.subscribers .. owner .. ':'
    of[kind] = redis.call('EXISTS', subscribers .. kind, subscribers .. string.match(kind, '^[^.]+') .. '.*', subscribers .. '*') > 0
  end
  return of[kind]
end

-- Something of ours happened: an `event` job, if any endpoint of the owner asked for its type, or a submit asked to be notified.
-- data: JSON. address: how the world reaches us, or false. notify: JSON of the one-off address, or false.
local function announce(owner, kind, data, address, notify, traceparent, tracestate)
  if not notify and not is_heard(owner, kind) then return end
  local fields = { 'name', kind }
  local said = { address = address or nil, notify = notify or nil, traceparent = traceparent or nil, tracestate = tracestate or nil }
  for name, value in pairs(said) do
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  -- An id that nobody can guess: the data names a job or an endpoint, which has such a one.
  local id = string.sub(redis.sha1hex(owner .. kind .. data .. now), 1, 32)
  create({ id = id, kind = 'event', queue = 'default', owner = owner, lane = 'owner:' .. owner, shelves = owner .. ' ' .. owner .. '/event', priority = 'normal',
    params = '{"type":"' .. kind .. '","data":' .. data .. '}', delay_ms = 0, fields = fields, blobs = {} })
end
