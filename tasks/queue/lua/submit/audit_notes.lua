-- needs: accounts/audit
-- Tries that were refused, and reads by admins, are noted. payload.lines: of each actor, owner, id and code.
if payload.full then return cmsgpack.pack({ answer = 'redis_full' }) end
for _, line in ipairs(payload.lines) do append_audit(K.audit_notes, line.actor, line) end
return cmsgpack.pack({ answer = 'noted' })
