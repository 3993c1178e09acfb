-- extend (allow-oom): heartbeat of one node's leases in a campaign.
-- KEYS  1 lease deadlines  2 leases
-- ARGV  1 now  2 lease time, ms  3… member, token, …
-- Returns the positions (from 1) of the pairs whose lease is lost: one member may come with an old and a new token.
-- Invariant: a lease that was reaped is never revived.
local due, lost = int(clock(ARGV[1]) + tonumber(ARGV[2])), {}
for i = 3, #ARGV, 2 do
  if read_lease(KEYS[2], ARGV[i]) == ARGV[i + 1] then
    redis.call('ZADD', KEYS[1], due, ARGV[i])
  else
    lost[#lost + 1] = (i - 1) / 2
  end
end
return lost
