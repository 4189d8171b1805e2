-- What every script is given: the key prefixes (tasks/queue/redis_keys.py), its payload, and the clock.
local K = cmsgpack.unpack(ARGV[1])
local payload = cmsgpack.unpack(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
