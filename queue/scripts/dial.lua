-- dial (allow-oom): the point of no return. Only after its OK may an INVITE leave.
-- KEYS  1 campaign hash  2 lease deadlines  3 leases  4 event stream   (+ segments of KEYS[1])
-- ARGV  1 now  2 id  3 tenant  4 ordinal  5 token  6 node  7 lease time, ms  8 guard, ms (time that the call needs
--       between now and its INVITE; the window must be open that long)
-- Returns {1, attempt, after_uncertain} (also when repeated with the same token), or {code}:
--         -1 fenced, -2 paused, -3 cancelled or done, -4 window closed, -5 no tries left.
-- Invariant: attempts grow by one, exactly once per token; the intent event is written with the byte.
local token, stage, attempt = read_lease(KEYS[3], ARGV[4])
if token ~= ARGV[5] then return {-1} end
local ord = tonumber(ARGV[4])
local result = read_result(KEYS[1], ord)
local after = 0
if string.byte(result, 1) == 9 then after = 1 end
if stage == 'd' then return {1, attempt, after} end
local h = redis.call('HMGET', KEYS[1], 'run', 'open_from', 'open_until', 'max_charged', 'max_recorded')
if h[1] == 'cancelled' or h[1] == 'done' then return {-3} end
if h[1] ~= 'running' then return {-2} end
local now = clock(ARGV[1])
if now < tonumber(h[2]) or now + tonumber(ARGV[8]) >= tonumber(h[3]) then return {-4} end
local state, attempts = read_state(KEYS[1], ord)
if state ~= PENDING and state ~= RETRY_WAIT then return {-1} end
if attempts >= tonumber(h[5]) or attempts - uncharged(result) >= tonumber(h[4]) then return {-5} end
attempts = attempts + 1
write_state(KEYS[1], ord, state, DIALLING, attempts)
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[3], ARGV[4], ARGV[5] .. ':d:' .. int(attempts) .. ':' .. ARGV[6])
redis.call('ZADD', KEYS[2], int(now + tonumber(ARGV[7])), ARGV[4])
redis.call('XADD', KEYS[4], '*', 'k', 'intent', 'at', int(now), 't', ARGV[3], 'j', ARGV[2], 'o', ARGV[4], 'a', attempts,
  'tok', ARGV[5], 'cid', ARGV[2] .. '-' .. ARGV[4] .. '-' .. int(attempts), 'au', after)
return {1, attempts, after}
