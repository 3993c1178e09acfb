-- fast_release (allow-oom): gives back a leased message that was not dialled.
-- KEYS  1 message hash  2 lease deadlines  3 queue of the shard
-- ARGV  1 id  2 token
-- Returns 1 given back, 0 the lease was not ours any more.
-- Invariant: as release.
local h = redis.call('HMGET', KEYS[1], 'token', 'stage', 'due')
if h[1] ~= ARGV[2] or h[2] ~= 'c' then return 0 end
redis.call('HSET', KEYS[1], 'stage', '')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], h[3], ARGV[1])
return 1
