-- promote: moves retries that have fallen due from their one-second buckets to the ready list.
-- KEYS  1 index of retry buckets (zset)  2 ready list  3 campaign hash   (+ buckets of KEYS[3])
-- ARGV  1 now  2 how many at most
-- Returns how many moved.
-- Invariant: an ordinal is in a bucket or in the list, never in neither.
local now, left, moved = clock(ARGV[1]), tonumber(ARGV[2]), 0
while left > 0 do
  local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(math.floor(now / 1000)), 'LIMIT', 0, 1)[1]
  if not due then break end
  local bucket = KEYS[3] .. ':rb:' .. due
  while left > 0 do
    local ord = redis.call('LPOP', bucket)
    if not ord then
      redis.call('ZREM', KEYS[1], due)
      break
    end
    redis.call('RPUSH', KEYS[2], ord)
    left, moved = left - 1, moved + 1
  end
end
return moved
