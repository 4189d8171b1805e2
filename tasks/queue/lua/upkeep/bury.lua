-- needs: counters
-- Blobs have been deleted from the storage: a process that has sent one meanwhile must look whether it is there.
-- payload: blobs {sha256, …}, sizes {sha256 → bytes}: of those that the owners who gave them up have no more; nil if
-- the owners' bytes are counted by themselves.
for _, blob in ipairs(payload.blobs) do
  redis.call('SET', K.swept .. blob, string.format('%.0f gone', now), 'PX', K.swept_ms)
  local owner = payload.sizes and redis.call('HGET', K.unneeded_of, blob)
  if owner then add_usage(owner, 'stored', -payload.sizes[blob]) end
end
return cmsgpack.pack(true)
