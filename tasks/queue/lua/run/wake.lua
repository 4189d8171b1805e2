-- needs: lanes
-- A job was put into ARQ's keys: an idle worker of its queue is to look. payload: queue.
wake(payload.queue)
return cmsgpack.pack(true)
