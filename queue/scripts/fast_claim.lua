-- fast_claim: leases on messages that are due, the longest waiting first; expired ones are closed on the way.
-- KEYS  1 queue of the shard  2 lease deadlines  3 event stream   (+ message hashes: ARGV[5] .. id)
-- ARGV  1 now  2 how many (at most 100)  3 lease time, ms  4 node  5 prefix of message keys  6 retention, ms
-- Returns {id, token, spec, attempts, uncharged, due, …}.
-- Invariant: each token is above all earlier ones of its message; an expired message is never leased.
local now, out = clock(ARGV[1]), {}
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now), 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  local m = ARGV[5] .. id
  local h = redis.call('HMGET', m, 'expire', 'spec', 'attempts', 'uncharged', 'due')
  redis.call('ZREM', KEYS[1], id)
  if h[1] and now >= tonumber(h[1]) then
    skip_message(m, KEYS[3], id, 12, 12, now, ARGV[6])
  elseif h[1] then
    local token = redis.call('HINCRBY', m, 'token', 1)
    redis.call('HSET', m, 'stage', 'c', 'node', ARGV[4])
    redis.call('ZADD', KEYS[2], int(now + tonumber(ARGV[3])), id)
    local n = #out
    out[n + 1], out[n + 2], out[n + 3], out[n + 4] = id, int(token), h[2], h[3]
    out[n + 5], out[n + 6] = h[4], h[5]
  end
end
return out
