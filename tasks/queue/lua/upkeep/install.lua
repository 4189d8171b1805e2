-- The installation's id: made once, and then what every process of the installation finds.
-- payload: id (of which it is made if there is none), adopt (true: it replaces the one that there is). Answers the id.
if payload.adopt then
  redis.call('HSET', K.installation, 'id', payload.id, 'adopted_at', now)
  redis.call('HDEL', K.installation, 'storage_of')
elseif redis.call('HSETNX', K.installation, 'id', payload.id) == 1 then
  redis.call('HSET', K.installation, 'created_at', now)
end
return cmsgpack.pack(redis.call('HGET', K.installation, 'id'))
