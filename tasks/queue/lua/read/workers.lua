-- needs: queues/made
-- The workers that have lately sent a beat. payload: queues {name, …} (that are always there), health_check (how ARQ's
-- keys of workers end). Answers now, beats {JSON, …}, queues (these, and those that were made) and checks {text, or
-- false without a worker that writes it, …}, as many as queues.
local beats, checks = {}, {}
for _, id in ipairs(redis.call('ZRANGE', K.workers, 0, -1)) do
  beats[#beats + 1] = redis.call('GET', K.worker .. id) or nil
end
local queues = payload.queues
for _, queue in ipairs(made_queues()) do queues[#queues + 1] = queue end
for n, queue in ipairs(queues) do
  checks[n] = redis.call('GET', K.arq_queue[queue] .. payload.health_check)
end
return cmsgpack.pack({ now = now, beats = beats, queues = queues, checks = checks })
