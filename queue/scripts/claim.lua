-- claim: leases on recipients that are to be called next: returned ones and due retries first, then the cursor.
-- KEYS  1 campaign hash  2 ready list  3 lease deadlines (zset)  4 leases (hash)   (+ segments of KEYS[1])
-- ARGV  1 now  2 how many (at most 100)  3 lease time, ms  4 node
-- Returns {1, ordinal, token, number (8 bytes), attempts, uncharged, …}, or {code}: -1 not running, -2 window closed,
--         -3 cancelled or done, 0 no such campaign.
-- Invariant: run state and window are checked; each token is above all earlier ones; an ordinal is in at most one lease.
local h = redis.call('HMGET', KEYS[1], 'run', 'n', 'cursor', 'open_from', 'open_until')
if not h[1] then return {0} end
if h[1] == 'cancelled' or h[1] == 'done' then return {-3} end
if h[1] ~= 'running' then return {-1} end
local now = clock(ARGV[1])
if now < tonumber(h[4]) or now >= tonumber(h[5]) then return {-2} end
local want, out, got = tonumber(ARGV[2]), {1}, 0

local function lease(ord, attempts)
  local seg, at = int(math.floor(ord / SEG)), (ord % SEG) * 8
  local token = redis.call('HINCRBY', KEYS[1], 'fence', 1)
  redis.call('HSET', KEYS[4], ord, int(token) .. ':c:0:' .. ARGV[4])
  redis.call('ZADD', KEYS[3], int(now + tonumber(ARGV[3])), ord)
  local n = #out
  out[n + 1], out[n + 2] = ord, int(token)
  out[n + 3] = redis.call('GETRANGE', KEYS[1] .. ':n:' .. seg, at, at + 7)
  out[n + 4], out[n + 5] = attempts, uncharged(read_result(KEYS[1], ord))
  got = got + 1
end

while got < want do
  local ord = redis.call('LPOP', KEYS[2])
  if not ord then break end
  local state, attempts = read_state(KEYS[1], tonumber(ord))
  if (state == PENDING or state == RETRY_WAIT) and redis.call('HEXISTS', KEYS[4], ord) == 0 then
    lease(tonumber(ord), attempts)
  end
end

-- Recipients that were suppressed at the load are passed over; at most 2000 of them per call.
local cursor, n, look = tonumber(h[3]), tonumber(h[2]), 2000
while got < want and cursor < n and look > 0 do
  local state = read_state(KEYS[1], cursor)
  if state == PENDING then lease(cursor, 0) end
  cursor, look = cursor + 1, look - 1
end
redis.call('HSET', KEYS[1], 'cursor', int(cursor))
return out
