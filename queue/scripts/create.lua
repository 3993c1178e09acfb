-- create: a campaign's record, in run state loading, or nothing.
-- KEYS  1 campaign hash  2 index of all campaigns (zset by creation)
-- ARGV  1 now  2 id  3 schema version  4 tenant  5 spec (JSON)  6 fingerprint of the request
--       7 most charged attempts  8 most recorded attempts  9 on_uncertain  10 created ms  11 wait before an uncertain attempt is redialled, ms
-- Returns 1 created, 0 was there with the same fingerprint, -1 was there with another.
-- Invariant: a campaign is listed if and only if its hash exists; repeating the call changes nothing.
local was = redis.call('HGET', KEYS[1], 'fp')
if was then
  if was == ARGV[6] then return 0 end
  return -1
end
redis.call('HSET', KEYS[1], 'v', ARGV[3], 'tenant', ARGV[4], 'spec', ARGV[5], 'fp', ARGV[6], 'run', 'loading',
  'n', 0, 'cursor', 0, 'fence', 0, 'attempts', 0, 'answered', 0, 'rejected', 0, 'open_from', 0, 'open_until', 0,
  'max_charged', ARGV[7], 'max_recorded', ARGV[8], 'on_uncertain', ARGV[9], 'redial_wait', ARGV[11], 'load', '', 'loaded', '')
for s = 0, 13 do redis.call('HSET', KEYS[1], 's' .. s, 0) end
redis.call('ZADD', KEYS[2], ARGV[10], ARGV[2])
return 1
