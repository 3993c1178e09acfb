-- window (allow-oom): when calls of a campaign may start, computed from its Window by whoever runs the schedule.
-- KEYS  1 campaign hash
-- ARGV  1 open from, ms  2 open until, ms
-- Returns 1 set, 0 no such campaign.
-- Invariant: a campaign whose schedule nobody computes closes by itself at open_until (fail closed).
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'open_from', ARGV[1], 'open_until', ARGV[2])
return 1
