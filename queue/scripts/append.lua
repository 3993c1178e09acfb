-- append: writes recipients of one segment behind the committed ones; they do not exist until commit.
-- KEYS  1 campaign hash  2 numbers  3 states  4 results (the segment's three arrays)
-- ARGV  1 upload token  2 offset in the segment  3 numbers (8 bytes each)  4 states (1 byte each)
-- Returns 1 written, 0 the upload lost its right, -1 the segment holds less than the offset says.
-- Invariant: what is committed is not changed; every array of a segment has its full length before any call, so
-- that settling never has to grow one.
if redis.call('HGET', KEYS[1], 'load') ~= ARGV[1] then return 0 end
local off = tonumber(ARGV[2])
local n, st, r = '', '', ''
if off > 0 then
  n = redis.call('GETRANGE', KEYS[2], 0, off * 8 - 1)
  st = redis.call('GETRANGE', KEYS[3], 0, off - 1)
  r = redis.call('GETRANGE', KEYS[4], 0, off * 16 - 1)
  if #n ~= off * 8 or #st ~= off or #r ~= off * 16 then return -1 end
end
redis.call('SET', KEYS[2], n .. ARGV[3])
redis.call('SET', KEYS[3], st .. ARGV[4])
redis.call('SET', KEYS[4], r .. string.rep('\0', #ARGV[4] * 16))
return 1
