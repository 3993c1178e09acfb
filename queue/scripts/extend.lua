-- extend (allow-oom): heartbeat of one node's leases in a campaign, or in a shard of the fast lane.
-- KEYS  1 lease deadlines  2 leases
-- ARGV  1 now  2 lease time, ms  3… member, token, …
-- Returns the members whose lease is lost.
-- Invariant: a lease that was reaped is never revived.
local due, lost = int(clock(ARGV[1]) + tonumber(ARGV[2])), {}
for i = 3, #ARGV, 2 do
  if read_lease(KEYS[2], ARGV[i]) == ARGV[i + 1] then
    redis.call('ZADD', KEYS[1], due, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
