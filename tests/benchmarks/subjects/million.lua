-- Jobs as they are after months: records, and their indexes, without queues. Those that have ended are to be packed.
-- ARGV: key prefix of records, key prefix of indexes, how many are there already, how many to add, now (ms), key of the
-- list of what is to be packed.
local from, count, now = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local KINDS = { { 'thumbnail', 'media', 90 }, { 'report', 'reports', 98 }, { 'event', 'default', 99.9 }, { 'bulk', 'default', 100 } }
local STATES = { { 'succeeded', 96 }, { 'failed', 98 }, { 'queued', 99 }, { 'cancelled', 99.9 }, { 'running', 100 } }
local OWNERS = { { 'shop', 70 }, { 'customer', 95 }, { 'system', 100 } }
local CODES = { { 'truncated', 60 }, { 'timed_out', 90 }, { 'too_large', 100 } }
local CUSTOMERS = 4000
local FILE = '{"name": "%s.jpg", "blob": "%s", "type": "image/jpeg", "bytes": 20480, "about": {"width": 256, "height": 171}}'
local PARAMS = '{"upload":{"blob":"%s","bytes":204800},"variants":[{"name":"small","width":256},{"name":"medium","width":800},{"name":"large","width":1600}]}'

local function choose(from_these, chance)
  for _, one in ipairs(from_these) do
    if chance < one[#one] then return one end
  end
end

for n = from + 1, from + count do
  local sha = redis.sha1hex(n)
  local id, blob = string.sub(sha, 1, 32), sha .. string.sub(sha, 1, 24)
  -- Digits of the hash are the dice: every run makes the same jobs.
  local function dice(at) return tonumber(string.sub(sha, at, at + 3), 16) / 65536 * 100 end
  local owner, kind, state = choose(OWNERS, dice(1))[1], choose(KINDS, dice(5)), choose(STATES, dice(9))[1]
  if owner == 'customer' then owner = 'customer-' .. n % CUSTOMERS end
  local created = now - 900000 - (1000000 - n) * 80
  local ended = state == 'succeeded' or state == 'failed' or state == 'cancelled'
  local fields = { 'kind', kind[1], 'queue', kind[2], 'owner', owner, 'lane', 'owner:' .. owner, 'shelves', owner .. '/' .. kind[1] .. ' */' .. kind[1],
    'state', state, 'priority', 'normal', 'params', string.format(PARAMS, blob), 'created_at', created, 'due_at', created, 'score', created,
    'name', 'photo-' .. n .. '.jpg', 'request_id', 'load-' .. n, 'attempt', ended and 1 or 0 }
  if ended then
    for _, field in ipairs({ 'worker', 'web-1:42:0a1b2c3d', 'started_at', created + 5, 'finished_at', created + 90, 'expires_at', now + 864000000,
      'attempt:1', '{"number": 1, "worker": "web-1:42:0a1b2c3d", "started_at": ' .. string.format('%.0f', created) .. ', "ended_at": '
        .. string.format('%.0f', created + 90) .. ', "outcome": "' .. state .. '"}' }) do
      fields[#fields + 1] = field
    end
  end
  if state == 'succeeded' then
    fields[#fields + 1] = 'files'
    fields[#fields + 1] = '[' .. string.format(FILE, 'small', blob) .. ', ' .. string.format(FILE, 'medium', blob) .. ', ' .. string.format(FILE, 'large', blob) .. ']'
  end
  if state == 'failed' then
    local code = choose(CODES, dice(13))[1]
    for _, field in ipairs({ 'code', code, 'error', '{"code": "' .. code .. '", "message": "The file cannot be drawn."}' }) do
      fields[#fields + 1] = field
    end
  end
  redis.call('HSET', ARGV[1] .. id, unpack(fields))
  if ended then redis.call('RPUSH', ARGV[6], id) end
  for _, index in ipairs({ owner .. '/' .. kind[1], '*/' .. kind[1] }) do
    redis.call('ZADD', ARGV[2] .. index .. ':' .. state, created, id)
  end
end
