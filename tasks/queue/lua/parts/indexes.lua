-- The names of a job's indexes of one state. Most jobs of one call share them.
local known_indexes = {}
local function indexes_of(job_indexes, state)
  local states = known_indexes[job_indexes]
  if not states then
    states = {}
    known_indexes[job_indexes] = states
  end
  local names = states[state]
  if not names then
    names = {}
    for index in string.gmatch(job_indexes, '%S+') do names[#names + 1] = K.jobs .. index .. ':' .. state end
    states[state] = names
  end
  return names
end

-- The names of the indexes of a job's tags, each after a space: they are the last, and never the first.
local function tag_indexes_of(job_indexes)
  return string.match(job_indexes, ' tag/.*$') or ''
end

-- Ended jobs expire in about the order of their index: it loses up to two expired ids for each job that ends. What
-- lies behind one that is kept long is left to the cleanup.
local function forget_oldest(index, gained)
  for _, id in ipairs(redis.call('ZRANGE', index, 0, 2 * gained - 1)) do
    if redis.call('EXISTS', K.job .. id) == 1 then return end
    redis.call('ZREM', index, id)
  end
end
