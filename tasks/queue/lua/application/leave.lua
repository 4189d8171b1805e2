-- A worker leaves a job of an ARQ client to the workers that have its function: it is due as it was. payload: queue,
-- id, score (ms).
redis.call('ZADD', K.arq_queue[payload.queue], 'XX', payload.score, payload.id)
redis.call('DEL', K.reading .. payload.id)
return cmsgpack.pack(true)
