-- needs: counters
-- What owners have in the storage was counted. payload: changes {owner → bytes more}.
for owner, bytes in pairs(payload.changes) do add_usage(owner, 'stored', bytes) end
return cmsgpack.pack(true)
