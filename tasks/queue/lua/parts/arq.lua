-- ARQ's copy of a job, laid out as `arq.jobs.serialize_job` does. It carries the id alone: the record has the rest.
local function arq_body(id, kind)
  return '\133' .. cmsgpack.pack('t') .. '\192' .. cmsgpack.pack('f', kind, 'a', { id }, 'et', now)
    .. cmsgpack.pack('k') .. '\128'
end
