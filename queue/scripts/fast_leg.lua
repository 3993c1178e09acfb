-- fast_leg (allow-oom): one more INVITE dialog of a message's attempt.
-- KEYS  1 message hash  2 lease deadlines  3 event stream
-- ARGV  1 now  2 id  3 token  4 attempt  5 the leg, from 2  6 node  7 lease time, ms  8 guard, ms
-- Returns 1 recorded (also when repeated), or -1 fenced, -4 window closed, -6 expired.
-- Invariant: as leg.
local h = redis.call('HMGET', KEYS[1], 'token', 'stage', 'attempts', 'leg', 'expire', 'open_from', 'open_until', 'tenant')
if h[1] ~= ARGV[3] or h[2] ~= 'd' or h[3] ~= ARGV[4] then return -1 end
local leg = legs_of(h[4], h[3])
if leg == tonumber(ARGV[5]) then return 1 end
if leg + 1 ~= tonumber(ARGV[5]) then return -1 end
local now = clock(ARGV[1])
local ready = now + tonumber(ARGV[8])
if ready >= tonumber(h[5]) then return -6 end
if now < tonumber(h[6]) or ready >= tonumber(h[7]) then return -4 end
redis.call('HSET', KEYS[1], 'leg', ARGV[4] .. ':' .. ARGV[5], 'node', ARGV[6])
redis.call('ZADD', KEYS[2], int(now + tonumber(ARGV[7])), ARGV[2])
redis.call('XADD', KEYS[3], '*', 'k', 'leg', 'at', int(now), 't', h[8], 'j', ARGV[2], 'o', 0, 'a', ARGV[4],
  'tok', ARGV[3], 'cid', leg_call_id(ARGV[2], 0, ARGV[4], ARGV[5]), 'l', ARGV[5])
return 1
