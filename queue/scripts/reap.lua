-- reap (allow-oom): takes up leases whose node fell silent.
-- KEYS  1 campaign hash  2 lease deadlines  3 leases  4 ready list  5 event stream  6 directory   (+ segments
--       and retry buckets of KEYS[1])
-- ARGV  1 now  2 id  3 tenant  4 how many at most
-- Returns {requeued, uncertain}.
-- Invariant: not dialled: back to the ready list, nothing rang. Dialled: uncertain, never silently redialled; with
-- on_uncertain=redial another attempt falls due, marked, when a phone that rings for the lost one has stopped ringing.
local now = clock(ARGV[1])
local late = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', int(now), 'LIMIT', 0, ARGV[4])
local h = redis.call('HMGET', KEYS[1], 'run', 'on_uncertain', 'max_charged', 'max_recorded', 'redial_wait')
local requeued, uncertain = 0, 0
for _, ord in ipairs(late) do
  local token, stage, attempt, _, leg = read_lease(KEYS[3], ord)
  redis.call('ZREM', KEYS[2], ord)
  redis.call('HDEL', KEYS[3], ord)
  if stage == 'c' then
    redis.call('LPUSH', KEYS[4], ord)
    requeued = requeued + 1
  elseif stage == 'd' then
    local n = tonumber(ord)
    local state, attempts = read_state(KEYS[1], n)
    local keep = uncharged(read_result(KEYS[1], n))
    local to = UNCERTAIN
    if h[2] == 'redial' and h[1] ~= 'cancelled' and attempts < tonumber(h[4]) and
       attempts - keep < tonumber(h[3]) then
      to = RETRY_WAIT
      local due = int(math.ceil((now + tonumber(h[5] or 180000)) / 1000))
      redis.call('RPUSH', KEYS[1] .. ':rb:' .. due, ord)
      redis.call('ZADD', KEYS[1] .. ':rbz', due, due)
    end
    write_state(KEYS[1], n, state, to, attempts)
    write_result(KEYS[1], n, string.char(9) .. string.rep('\0', 14) .. string.char(keep))
    redis.call('XADD', KEYS[5], '*', 'k', 'closed', 'at', int(now), 't', ARGV[3], 'j', ARGV[2], 'o', ord, 'a', attempt,
      'tok', token, 'cid', ARGV[2] .. '-' .. ord .. '-' .. int(attempt), 'out', 9, 'st', to, 'l', leg)
    uncertain = uncertain + 1
  end
end
finish_if_done(KEYS[1], KEYS[6], KEYS[5], ARGV[2], ARGV[3], now)
return {requeued, uncertain}
