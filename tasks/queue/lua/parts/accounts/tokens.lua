-- What opens something to a browser without a key, for a time: a token with which a web page may upload ('upload'), or
-- a link to the portal of a channel ('portal').

-- The keys of one and of its owner's list, and how long the list is kept (ms).
local function token_keys(sort, id, owner)
  if sort == 'portal' then return K.portal_link .. id, K.portal_links .. owner, K.portal_links_ms end
  return K.upload_token .. id, K.upload_tokens .. owner, K.upload_tokens_ms
end
