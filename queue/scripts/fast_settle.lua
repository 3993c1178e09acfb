-- fast_settle (allow-oom): closes an attempt of a message.
-- KEYS  1 message hash  2 lease deadlines  3 event stream  4 queue of the shard
-- ARGV  1 now  2 id  3 token  4 attempt  5 outcome  6 final state  7 result (16 bytes)  8 retry due, ms (0: none)
--       9 charged (0 or 1)  10 trunk  11 timeline (JSON)  12 retention, ms  13 legs
-- Returns as settle.
-- Invariant: as settle.
local h = redis.call('HMGET', KEYS[1], 'token', 'stage', 'attempts', 'uncharged', 'result', 'max_charged',
  'max_recorded', 'expire', 'tenant', 'state')
if not h[1] then return -1 end
local now, kind, attempts = clock(ARGV[1]), 'closed', tonumber(h[3])
if attempts ~= tonumber(ARGV[4]) then return -1 end
if h[1] ~= ARGV[3] or h[2] ~= 'd' then
  -- A redial that was claimed, but not dialled: the true outcome of the lost attempt still goes before it.
  if h[2] ~= '' and not (h[2] == 'c' and string.byte(h[5], 1) == 9) then return -1 end
  if string.byte(h[5], 1) ~= 9 or ARGV[5] == '9' then return 2 end
  kind = 'late'
end
local keep = tonumber(h[4])
if ARGV[9] == '0' then keep = keep + 1 end
redis.call('HSET', KEYS[1], 'result', ARGV[7], 'uncharged', keep, 'tl', ARGV[11], 'stage', '')
redis.call('ZREM', KEYS[2], ARGV[2])
local to, code = tonumber(ARGV[6]), 0
if kind == 'late' then
  code = 3
  redis.call('ZREM', KEYS[4], ARGV[2])
elseif ARGV[8] ~= '0' and tonumber(ARGV[8]) < tonumber(h[8]) and attempts < tonumber(h[7]) and
       attempts - keep < tonumber(h[6]) then
  to, code = RETRY_WAIT, 1
end
if code == 1 then
  redis.call('HSET', KEYS[1], 'state', to, 'due', ARGV[8])
  redis.call('ZADD', KEYS[4], ARGV[8], ARGV[2])
else
  close_message(KEYS[1], to, now, ARGV[12])
end
redis.call('XADD', KEYS[3], '*', 'k', kind, 'at', int(now), 't', h[9], 'j', ARGV[2], 'o', 0, 'a', ARGV[4],
  'tok', ARGV[3], 'cid', ARGV[2] .. '-0-' .. ARGV[4], 'out', ARGV[5], 'st', to, 'trk', ARGV[10], 'r', ARGV[7],
  'l', ARGV[13])
return code
