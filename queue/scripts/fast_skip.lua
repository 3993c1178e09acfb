-- fast_skip (allow-oom): closes a leased message without an attempt: suppressed, expired, no tries left.
-- KEYS  1 message hash  2 lease deadlines  3 event stream
-- ARGV  1 now  2 id  3 token  4 outcome  5 final state  6 retention, ms
-- Returns 1 closed, -1 fenced (or dialled already).
-- Invariant: as skip.
local h = redis.call('HMGET', KEYS[1], 'token', 'stage')
if h[1] ~= ARGV[3] or h[2] ~= 'c' then return -1 end
redis.call('ZREM', KEYS[2], ARGV[2])
skip_message(KEYS[1], KEYS[3], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5]), clock(ARGV[1]), ARGV[6])
return 1
