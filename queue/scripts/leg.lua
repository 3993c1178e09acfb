-- leg (allow-oom): one more INVITE dialog of an attempt whose last leg is known dead. Only after its OK may it leave.
-- KEYS  1 campaign hash  2 lease deadlines  3 leases  4 event stream
-- ARGV  1 now  2 id  3 tenant  4 ordinal  5 token  6 attempt  7 the leg, from 2  8 node  9 lease time, ms  10 guard, ms
-- Returns 1 recorded (also when repeated), or -1 fenced, -2 paused, -3 cancelled or done, -4 window closed.
-- Invariant: attempts do not change; legs of an attempt grow by one; no leg is recorded where dial would refuse.
local token, stage, attempt, _, leg = read_lease(KEYS[3], ARGV[4])
if token ~= ARGV[5] or stage ~= 'd' or attempt ~= tonumber(ARGV[6]) then return -1 end
if leg == tonumber(ARGV[7]) then return 1 end
if leg + 1 ~= tonumber(ARGV[7]) then return -1 end
local h = redis.call('HMGET', KEYS[1], 'run', 'open_from', 'open_until')
if h[1] == 'cancelled' or h[1] == 'done' then return -3 end
if h[1] ~= 'running' then return -2 end
local now = clock(ARGV[1])
if now < tonumber(h[2]) or now + tonumber(ARGV[10]) >= tonumber(h[3]) then return -4 end
redis.call('HSET', KEYS[3], ARGV[4], ARGV[5] .. ':d:' .. ARGV[6] .. ':' .. ARGV[8] .. ':' .. ARGV[7])
redis.call('ZADD', KEYS[2], int(now + tonumber(ARGV[9])), ARGV[4])
redis.call('XADD', KEYS[4], '*', 'k', 'leg', 'at', int(now), 't', ARGV[3], 'j', ARGV[2], 'o', ARGV[4], 'a', ARGV[6],
  'tok', ARGV[5], 'cid', leg_call_id(ARGV[2], ARGV[4], ARGV[6], ARGV[7]), 'l', ARGV[7])
return 1
