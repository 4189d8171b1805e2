-- A web process says how many requests it has let in since it last said so, and learns what the owners owe by the
-- requests of all processes (api/http/quotas/request_rates.py). payload: owners {{owner, requests, cost_ms (of one)},
-- …}. Answers for each for how many ms its requests have used its rate in advance.
local answers = {}
for n, one in ipairs(payload.owners) do
  local key = K.rate .. 'requests:' .. one.owner
  local owed = math.max(tonumber(redis.call('GET', key) or 0) - now, 0) + one.requests * one.cost_ms
  redis.call('SET', key, string.format('%.0f', now + owed), 'PX', math.max(math.ceil(owed), 1))
  answers[n] = owed
end
return cmsgpack.pack(answers)
