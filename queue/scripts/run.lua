-- run (allow-oom): moves a campaign's run state: start (loading to running), pause, resume, cancel.
-- KEYS  1 campaign hash  2 directory of campaigns with work (set)  3 event stream
-- ARGV  1 now  2 id  3 tenant  4 wanted run state  5 state that it must be in ("": any)
-- Returns {1, run} moved or there already, {0} no such campaign, {-1, run} no such move, {-2} no recipients,
--         {-3} an upload is under way.
-- Invariant: O(1) whatever the size; claim and dial read this field in the script that would act.
local h = redis.call('HMGET', KEYS[1], 'run', 'n', 'load', 's1', 'started')
local run, want = h[1], ARGV[4]
if not run then return {0} end
if run == want then return {1, run} end
if ARGV[5] ~= '' and run ~= ARGV[5] then return {-1, run} end
local now = clock(ARGV[1])
if want == 'running' then
  if run == 'loading' then
    if tonumber(h[2]) == 0 then return {-2} end
    if h[3] ~= '' then return {-3} end
  elseif run ~= 'paused' then
    return {-1, run}
  end
  if not h[5] then redis.call('HSET', KEYS[1], 'started', int(now)) end
  redis.call('SADD', KEYS[2], ARGV[2])
elseif want == 'paused' then
  if run ~= 'running' then return {-1, run} end
elseif want == 'cancelled' then
  if run == 'done' then return {-1, run} end
  redis.call('HSET', KEYS[1], 'finished', int(now))
else
  return {-1, run}
end
redis.call('HSET', KEYS[1], 'run', want)
redis.call('XADD', KEYS[3], '*', 'k', 'run', 'at', int(now), 't', ARGV[3], 'j', ARGV[2], 'run', want)
finish_if_done(KEYS[1], KEYS[2], KEYS[3], ARGV[2], ARGV[3], now)
return {1, redis.call('HGET', KEYS[1], 'run')}
