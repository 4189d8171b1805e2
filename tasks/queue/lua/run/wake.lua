-- needs: lanes
-- A job was put into ARQ's keys: an idle worker of its queue is to look. payload: queue.
-- A queue that no worker has served lately keeps no signal.
if redis.call('EXISTS', K.queue .. payload.queue) == 1 then
  wake(payload.queue)
  redis.call('PEXPIRE', K.wake .. payload.queue, K.application_ms)
end
return cmsgpack.pack(true)
