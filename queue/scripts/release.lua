-- release (allow-oom): gives back leases that were not dialled; they are served first again.
-- KEYS  1 ready list  2 lease deadlines  3 leases
-- ARGV  ordinal, token, …
-- Returns how many were given back; a stale token changes nothing.
-- Invariant: only leases in stage c; attempts unchanged.
local n = 0
for i = #ARGV - 1, 1, -2 do
  local token, stage = read_lease(KEYS[3], ARGV[i])
  if token == ARGV[i + 1] and stage == 'c' then
    redis.call('HDEL', KEYS[3], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
    redis.call('LPUSH', KEYS[1], ARGV[i])
    n = n + 1
  end
end
return n
