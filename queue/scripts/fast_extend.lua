-- fast_extend (allow-oom): heartbeat of one node's messages in a shard.
-- KEYS  1 lease deadlines   (+ message hashes: ARGV[3] .. id)
-- ARGV  1 now  2 lease time, ms  3 prefix of message keys  4… id, token, …
-- Returns the positions (from 1) of the pairs whose lease is lost.
-- Invariant: as extend.
local due, lost = int(clock(ARGV[1]) + tonumber(ARGV[2])), {}
for i = 4, #ARGV, 2 do
  local h = redis.call('HMGET', ARGV[3] .. ARGV[i], 'token', 'stage')
  if h[1] == ARGV[i + 1] and (h[2] == 'c' or h[2] == 'd') then
    redis.call('ZADD', KEYS[1], due, ARGV[i])
  else
    lost[#lost + 1] = (i - 2) / 2
  end
end
return lost
