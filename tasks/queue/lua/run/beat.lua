-- A worker shows that it lives. payload: worker, at (ms), record (JSON), record_ms (for which it stays without another
-- beat), checks {key, …} (that `arq --check` reads), check_ms, functions {queue, key, names} (of an ARQ
-- application; or nil).
redis.call('SET', K.worker .. payload.worker, payload.record, 'PX', payload.record_ms)
redis.call('ZADD', K.workers, payload.at, payload.worker)
redis.call('ZREMRANGEBYSCORE', K.workers, '-inf', payload.at - payload.record_ms)
for _, key in ipairs(payload.checks) do
  -- A worker of ARQ's own writes a line of text there, once an hour: that it lives is remembered so long.
  local said = redis.call('GET', key)
  if said and string.sub(said, 1, 1) ~= '{' then redis.call('SET', K.arq_worker .. key, 1, 'PX', K.arq_worker_ms) end
  redis.call('SET', key, payload.record, 'PX', payload.check_ms)
end
if payload.functions then
  local key = payload.functions.key
  for _, name in ipairs(payload.functions.names) do
    redis.call('ZADD', key, payload.at, name)
    -- Metrics have it as a label: clients may name any function, but workers name those that there are.
    local can_be_counted = #name <= 60 and string.find(name, '^[%w_.:-]+$')
    if can_be_counted and redis.call('SCARD', K.function_kinds) < K.max_function_kinds then
      redis.call('SADD', K.function_kinds, name)
    end
  end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', payload.at - K.application_ms)
  redis.call('PEXPIRE', key, K.application_ms)
  -- There may be any number of such queues. The facts about one expire after its last worker has gone.
  redis.call('HSETNX', K.queue .. payload.functions.queue, 'application', 1)
  redis.call('PEXPIRE', K.queue .. payload.functions.queue, K.application_ms)
end
return cmsgpack.pack(true)
