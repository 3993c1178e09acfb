-- fast_reap (allow-oom): takes up messages whose node fell silent.
-- KEYS  1 lease deadlines  2 queue of the shard  3 event stream   (+ message hashes: ARGV[3] .. id)
-- ARGV  1 now  2 how many at most  3 prefix of message keys  4 retention, ms
-- Returns {requeued, uncertain}.
-- Invariant: as reap.
local now = clock(ARGV[1])
local late = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now), 'LIMIT', 0, ARGV[2])
local requeued, uncertain = 0, 0
for _, id in ipairs(late) do
  local m = ARGV[3] .. id
  redis.call('ZREM', KEYS[1], id)
  local h = redis.call('HMGET', m, 'stage', 'attempts', 'uncharged', 'max_charged', 'max_recorded', 'on_uncertain',
    'expire', 'due', 'tenant', 'token', 'redial_wait', 'leg')
  if h[1] == 'c' then
    redis.call('HSET', m, 'stage', '')
    redis.call('ZADD', KEYS[2], h[8], id)
    requeued = requeued + 1
  elseif h[1] == 'd' then
    local attempts, to = tonumber(h[2]), UNCERTAIN
    local due = now + tonumber(h[11] or 180000)
    redis.call('HSET', m, 'result', string.char(9) .. string.rep('\0', 15))
    if h[6] == 'redial' and due < tonumber(h[7]) and attempts < tonumber(h[5]) and
       attempts - tonumber(h[3]) < tonumber(h[4]) then
      to = RETRY_WAIT
      redis.call('HSET', m, 'state', to, 'stage', '', 'due', int(due))
      redis.call('ZADD', KEYS[2], int(due), id)
    else
      close_message(m, to, now, ARGV[4])
    end
    redis.call('XADD', KEYS[3], '*', 'k', 'closed', 'at', int(now), 't', h[9], 'j', id, 'o', 0, 'a', h[2],
      'tok', h[10], 'cid', id .. '-0-' .. h[2], 'out', 9, 'st', to, 'l', legs_of(h[12], h[2]))
    uncertain = uncertain + 1
  end
end
return {requeued, uncertain}
