-- The audit log. A script that changes an owner, a key or a token, or that an admin may send, writes its line after the
-- change: write_audit({ owner = …, id = …, before = {…}, after = {…} }).
--   owner    whose thing it is
--   id       the thing's id
--   before, after   flat tables of the fields that changed; what may be a secret by its name is left out
-- payload.actor says who asks, and for what (tasks/queue/actor.py). Without one there is no line.
local AUDIT_FIELD_BYTES, AUDIT_VALUE_BYTES, AUDIT_VALUES_BYTES = 128, 200, 1024
local UNAUDITED = { 'secret', 'password', 'token', 'digest', 'sha256', 'credential' }

local function is_audited(name)
  for _, part in ipairs(UNAUDITED) do
    if string.find(name, part, 1, true) then return false end
  end
  return name ~= 'key'
end

local function audited_values(fields)
  local kept = {}
  for name, value in pairs(fields) do
    if is_audited(name) then
      kept[name] = type(value) == 'string' and string.sub(value, 1, AUDIT_VALUE_BYTES) or value
    end
  end
  if not next(kept) then return '{}' end
  local text = cjson.encode(kept)
  return #text <= AUDIT_VALUES_BYTES and text or cjson.encode({ bytes = #text })
end

-- Append a line to one of the two streams: K.audit has changes, K.audit_notes what was refused or only read.
local function append_audit(stream, actor, line)
  local fields = {}
  local function add(name, value)
    if value and value ~= '' then
      fields[#fields + 1] = name
      fields[#fields + 1] = string.sub(tostring(value), 1, AUDIT_FIELD_BYTES)
    end
  end
  add('action', actor.action)
  add('owner', line.owner)
  add('id', line.id)
  add('code', line.code)
  for _, name in ipairs({ 'by', 'key', 'address', 'request' }) do add(name, actor[name]) end
  for _, name in ipairs({ 'before', 'after' }) do
    if line[name] then
      fields[#fields + 1] = name
      fields[#fields + 1] = audited_values(line[name])
    end
  end
  redis.call('XADD', stream, 'MAXLEN', '~', actor.max_lines, '*', unpack(fields))
  redis.call('PEXPIRE', stream, actor.keep_ms)
end

-- The names of what is to be written, {name, value, …}: what a line says of fields that may hold secrets.
local function names_of(fields)
  local names = {}
  for n = 1, #fields, 2 do names[#names + 1] = fields[n] end
  return table.concat(names, ' ')
end

local function write_audit(line)
  if payload.actor then append_audit(K.audit, payload.actor, line) end
end
