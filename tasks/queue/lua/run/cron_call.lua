-- needs: lanes
-- The time of an ARQ application's cron job has come: its job is put where ARQ's client puts one. Of all workers that
-- say so one is first. It has a record also after its end.
-- payload: id (which stands for the time), queue, body (what ARQ's client writes) and body_ms (how long it is kept).
local id = payload.id
if redis.call('EXISTS', K.job .. id, K.arq_job .. id, K.arq_result .. id) == 0 then
  redis.call('SET', K.arq_job .. id, payload.body, 'PX', payload.body_ms)
  redis.call('ZADD', K.arq_queue[payload.queue], now, id)
  wake(payload.queue)
  redis.call('PEXPIRE', K.wake .. payload.queue, K.application_ms)
end
return cmsgpack.pack(true)
