-- What every script is given: its payload and the clock. K has its keys and times (tasks/queue/*_keys.py).
local payload = cmsgpack.unpack(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Redis refuses a command that needs memory only as the first write of a script, and a DEL never. After this a script
-- writes beyond `maxmemory`; one that adds (tasks/queue/script.py) does not call it, and is told by payload.full.
local function write_when_full()
  redis.call('DEL', K.nothing)
end
