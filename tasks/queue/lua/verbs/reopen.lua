-- needs: bulk verbs/reopening
-- Ended jobs run again. payload: ids, by (`for_each`), and what `reopen` needs, whose answers these are, for each.
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
return for_each(reopen)
