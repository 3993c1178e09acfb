-- load: begins an upload of recipients; an upload that was begun earlier and not committed loses its right.
-- KEYS  1 campaign hash
-- ARGV  1 upload token (random)
-- Returns {1, n} with the recipients that are committed so far; {0} no such campaign; {-1, run} not in loading.
-- Invariant: at most one upload may append or commit.
local h = redis.call('HMGET', KEYS[1], 'run', 'n')
if not h[1] then return {0} end
if h[1] ~= 'loading' then return {-1, h[1]} end
redis.call('HSET', KEYS[1], 'load', ARGV[1])
return {1, tonumber(h[2])}
