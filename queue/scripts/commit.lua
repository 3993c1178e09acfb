-- commit: makes the appended recipients part of the campaign, all at once.
-- KEYS  1 campaign hash
-- ARGV  1 upload token  2 recipients before  3 recipients after  4 of the new ones: pending  5 suppressed
--       6 rejected rows
-- Returns {1, n} done (also when repeated), {0} the upload lost its right, {-1, run} not in loading.
-- Invariant: the states' counters sum to n.
local h = redis.call('HMGET', KEYS[1], 'run', 'n', 'load', 'loaded')
if h[4] == ARGV[1] then return {1, tonumber(h[2])} end
if h[1] ~= 'loading' then return {-1, h[1] or ''} end
if h[3] ~= ARGV[1] or h[2] ~= ARGV[2] then return {0} end
redis.call('HSET', KEYS[1], 'n', ARGV[3], 'load', '', 'loaded', ARGV[1])
redis.call('HINCRBY', KEYS[1], 's0', ARGV[4])
redis.call('HINCRBY', KEYS[1], 's11', ARGV[5])
redis.call('HINCRBY', KEYS[1], 'rejected', ARGV[6])
return {1, tonumber(ARGV[3])}
