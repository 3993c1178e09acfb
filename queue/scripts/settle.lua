-- settle (allow-oom): closes an attempt: lease, byte, result, counters and event change together.
-- KEYS  1 campaign hash  2 lease deadlines  3 leases  4 event stream  5 directory  6 index of retry buckets (zset)
--       7 the retry bucket (list)   (+ segments of KEYS[1])
-- ARGV  1 now  2 id  3 tenant  4 ordinal  5 token  6 attempt  7 outcome  8 final state  9 result (16 bytes)
--       10 retry due, s (0: none)  11 charged (0 or 1)  12 answered (0 or 1)  13 trunk  14 legs
-- Returns 0 final, 1 retry follows, 2 settled before, 3 late, -1 fenced.
-- Invariant: each intent is closed exactly once, or closed as uncertain and corrected by at most one late.
local token, stage, attempt = read_lease(KEYS[3], ARGV[4])
local ord, now = tonumber(ARGV[4]), clock(ARGV[1])
local state, attempts = read_state(KEYS[1], ord)
local old = read_result(KEYS[1], ord)
-- A redial that was claimed, but not dialled: the true outcome of the lost attempt still goes before it.
if token and stage == 'c' and attempts == tonumber(ARGV[6]) and string.byte(old, 1) == 9 then token = nil end
local ours = token == ARGV[5] and stage == 'd' and attempt == tonumber(ARGV[6])
local kind = 'closed'
-- A dialling byte without a lease is an orphan that no script leaves behind; its owner may still close it.
if not ours and not (not token and state == DIALLING and attempts == tonumber(ARGV[6])) then
  if token or attempts ~= tonumber(ARGV[6]) then return -1 end
  if string.byte(old, 1) ~= 9 or ARGV[7] == '9' then return 2 end
  kind = 'late'
end
local keep = uncharged(old)
if ARGV[11] == '0' then keep = keep + 1 end
local result = string.sub(ARGV[9], 1, 15) .. string.char(math.min(keep, 15))
local to, code = tonumber(ARGV[8]), 0
local limits = redis.call('HMGET', KEYS[1], 'run', 'max_charged', 'max_recorded')
if kind == 'closed' and ARGV[10] ~= '0' and limits[1] ~= 'cancelled' and
   attempts < tonumber(limits[3]) and attempts - keep < tonumber(limits[2]) then
  to, code = RETRY_WAIT, 1
  redis.call('RPUSH', KEYS[7], ARGV[4])
  redis.call('ZADD', KEYS[6], ARGV[10], ARGV[10])
end
if kind == 'late' then code = 3 end
write_state(KEYS[1], ord, state, to, attempts)
write_result(KEYS[1], ord, result)
redis.call('HDEL', KEYS[3], ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[4])
if ARGV[12] == '1' then redis.call('HINCRBY', KEYS[1], 'answered', 1) end
redis.call('XADD', KEYS[4], '*', 'k', kind, 'at', int(now), 't', ARGV[3], 'j', ARGV[2], 'o', ARGV[4], 'a', ARGV[6],
  'tok', ARGV[5], 'cid', ARGV[2] .. '-' .. ARGV[4] .. '-' .. ARGV[6], 'out', ARGV[7], 'st', to, 'trk', ARGV[13],
  'r', result, 'l', ARGV[14])
finish_if_done(KEYS[1], KEYS[5], KEYS[4], ARGV[2], ARGV[3], now)
return code
