-- The quotas of an owner's record replace the limits of the settings. A submit is given them by its process, which
-- keeps them for a short time; scripts that run seldom read them here. tasks/accounts/quotas.py has their names.
local function apply_quotas(owner)
  local limits, text = payload.owner_limits, redis.call('HGET', K.owner .. owner, 'quotas')
  if not limits or not payload.max_waiting or not text then return end
  local quotas = cjson.decode(text)
  limits.waiting = quotas.waiting_jobs or limits.waiting
  limits.scheduled = quotas.scheduled_jobs or limits.scheduled
  payload.rates.deliveries = quotas.deliveries_per_minute or payload.rates.deliveries
end
