-- What every script is given: its payload and the clock. K has its keys and times (tasks/queue/redis_keys.py).
local payload = cmsgpack.unpack(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
