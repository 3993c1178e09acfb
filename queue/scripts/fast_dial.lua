-- fast_dial (allow-oom): the point of no return for a message.
-- KEYS  1 message hash  2 lease deadlines  3 event stream
-- ARGV  1 now  2 id  3 token  4 node  5 lease time, ms  6 guard, ms
-- Returns {1, attempt, after_uncertain} (also when repeated with the same token), or {code}: -1 fenced,
--         -4 window closed, -5 no tries left, -6 expired.
-- Invariant: as dial.
local h = redis.call('HMGET', KEYS[1], 'token', 'stage', 'attempts', 'uncharged', 'expire', 'open_from', 'open_until',
  'max_charged', 'max_recorded', 'result', 'tenant')
if h[1] ~= ARGV[3] or (h[2] ~= 'c' and h[2] ~= 'd') then return {-1} end
local after = 0
if string.byte(h[10], 1) == 9 then after = 1 end
if h[2] == 'd' then return {1, tonumber(h[3]), after} end
local now = clock(ARGV[1])
local ready = now + tonumber(ARGV[6])
if ready >= tonumber(h[5]) then return {-6} end
if now < tonumber(h[6]) or ready >= tonumber(h[7]) then return {-4} end
local attempts = tonumber(h[3])
if attempts >= tonumber(h[9]) or attempts - tonumber(h[4]) >= tonumber(h[8]) then return {-5} end
attempts = attempts + 1
redis.call('HSET', KEYS[1], 'state', 1, 'stage', 'd', 'attempts', attempts, 'node', ARGV[4])
redis.call('ZADD', KEYS[2], int(now + tonumber(ARGV[5])), ARGV[2])
redis.call('XADD', KEYS[3], '*', 'k', 'intent', 'at', int(now), 't', h[11], 'j', ARGV[2], 'o', 0, 'a', attempts,
  'tok', ARGV[3], 'cid', ARGV[2] .. '-0-' .. int(attempts), 'au', after)
return {1, attempts, after}
