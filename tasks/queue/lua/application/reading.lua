-- A worker is about to open the body of a job that an ARQ client enqueued. payload: id. Answers times (how often that
-- was said of this job and nobody came to the end of it: workers that opened it may have died of it), aborted (its
-- client has asked for that), and elsewhere (ARQ's own worker has begun it, or has ended it, since it was found).
local id = payload.id
local times = redis.call('INCR', K.reading .. id)
redis.call('PEXPIRE', K.reading .. id, K.reading_ms)
local ended = redis.call('EXISTS', K.arq_job .. id) == 0 and redis.call('EXISTS', K.arq_result .. id) == 1
return cmsgpack.pack({ times = times, aborted = redis.call('ZSCORE', K.arq_abort, id) and true or false,
  elsewhere = ended or redis.call('EXISTS', K.arq_running .. id) == 1 })
