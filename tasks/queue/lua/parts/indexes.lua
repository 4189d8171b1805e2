-- The names of a job's indexes for a state, or for all. Most jobs of one call are on the same shelves.
local indexes = {}
local function indexes_of(shelves, state)
  state = state or ''
  local known = indexes[shelves]
  if not known then
    known = {}
    indexes[shelves] = known
  end
  local names = known[state]
  if not names then
    names = {}
    for shelf in string.gmatch(shelves, '%S+') do names[#names + 1] = K.jobs .. shelf .. (state == '' and '' or ':' .. state) end
    known[state] = names
  end
  return names
end

-- Ended jobs expire in about the order of their index: it loses up to two dead ids for each that ends. What lies behind one that lives long
-- is left to the cleanup.
local function forget_oldest(index, gained)
  for _, id in ipairs(redis.call('ZRANGE', index, 0, 2 * gained - 1)) do
    if redis.call('EXISTS', K.job .. id) == 1 then return end
    redis.call('ZREM', index, id)
  end
end
