-- Adds what a web process has counted of its requests. payload: fields (name → by how much).
for name, by in pairs(payload.fields) do redis.call('HINCRBY', K.counts, name, by) end
return cmsgpack.pack(true)
