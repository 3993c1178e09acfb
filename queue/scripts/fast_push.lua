-- fast_push: accepts a message on the fast lane, or nothing.
-- KEYS  1 message hash  2 queue of the shard (zset by due time)
-- ARGV  1 id  2 schema version  3 tenant  4 spec (JSON)  5 fingerprint  6 due, ms  7 expires, ms  8 open from, ms
--       9 open until, ms  10 most charged  11 most recorded  12 on_uncertain  13 most messages in the shard
--       14 wait before an uncertain attempt is redialled, ms
-- Returns 1 accepted, 0 was there with the same fingerprint, -1 was there with another, -2 the shard is full.
-- Invariant: a message is queued if and only if its hash is written; the shard is bounded.
local was = redis.call('HGET', KEYS[1], 'fp')
if was then
  if was == ARGV[5] then return 0 end
  return -1
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[13]) then return -2 end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'tenant', ARGV[3], 'spec', ARGV[4], 'fp', ARGV[5], 'due', ARGV[6],
  'expire', ARGV[7], 'open_from', ARGV[8], 'open_until', ARGV[9], 'max_charged', ARGV[10], 'max_recorded', ARGV[11],
  'on_uncertain', ARGV[12], 'redial_wait', ARGV[14], 'state', 0, 'attempts', 0, 'uncharged', 0, 'token', 0, 'stage', '', 'node', '',
  'result', string.rep('\0', 16), 'tl', '', 'ended', 0)
redis.call('ZADD', KEYS[2], ARGV[6], ARGV[1])
return 1
