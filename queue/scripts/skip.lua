-- skip (allow-oom): closes a leased recipient without an attempt: suppressed or expired.
-- KEYS  1 campaign hash  2 lease deadlines  3 leases  4 event stream  5 directory   (+ segments of KEYS[1])
-- ARGV  1 now  2 id  3 tenant  4 ordinal  5 token  6 outcome  7 final state
-- Returns 1 closed, -1 fenced (or dialled already).
-- Invariant: attempts do not change; the lease goes with the byte.
local token, stage = read_lease(KEYS[3], ARGV[4])
if token ~= ARGV[5] or stage ~= 'c' then return -1 end
local ord, now = tonumber(ARGV[4]), clock(ARGV[1])
local state, attempts = read_state(KEYS[1], ord)
local old = read_result(KEYS[1], ord)
-- Whoever may have been called for all we know does not become one who never was.
local outcome, to = tonumber(ARGV[6]), tonumber(ARGV[7])
if string.byte(old, 1) == 9 then outcome, to = 9, UNCERTAIN end
write_state(KEYS[1], ord, state, to, attempts)
write_result(KEYS[1], ord, string.char(outcome) .. string.sub(old, 2))
redis.call('HDEL', KEYS[3], ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[4])
redis.call('XADD', KEYS[4], '*', 'k', 'skipped', 'at', int(now), 't', ARGV[3], 'j', ARGV[2], 'o', ARGV[4],
  'a', attempts, 'tok', ARGV[5], 'out', outcome, 'st', to)
finish_if_done(KEYS[1], KEYS[5], KEYS[4], ARGV[2], ARGV[3], now)
return 1
