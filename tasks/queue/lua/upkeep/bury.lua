-- Blobs have been deleted from the storage: a process that has sent one meanwhile must look whether it is there.
-- payload: blobs {sha256, …}.
for _, blob in ipairs(payload.blobs) do
  redis.call('SET', K.swept .. blob, string.format('%.0f gone', now), 'PX', K.swept_ms)
end
return cmsgpack.pack(true)
