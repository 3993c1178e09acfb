-- Shared by all scripts; the loader puts it in front of each, with SEG (recipients per segment) defined.
-- Dialect: what Redis 7.0, Valkey and miniredis share: no struct, bit or cmsgpack; bytes are packed in Go.
-- Key names of segments and retry buckets are derived from KEYS[1] here: same hash tag, so the same slot.

-- now: milliseconds since the epoch by Redis' own clock, the only one that all nodes share. Tests may set it.
local function clock(arg)
  if arg ~= '' then return tonumber(arg) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function int(n) return string.format('%.0f', n) end

local PENDING, DIALLING, RETRY_WAIT, UNCERTAIN = 0, 1, 2, 13

-- One byte per recipient: low nibble state, high nibble recorded attempts.
local function read_state(h, ord)
  local seg = math.floor(ord / SEG)
  local b = redis.call('GETRANGE', h .. ':st:' .. int(seg), ord % SEG, ord % SEG)
  if b == '' then return nil end
  b = string.byte(b)
  return b % 16, math.floor(b / 16)
end

-- write_state keeps "counters equal bytes": it is the only place where either changes after the load.
local function write_state(h, ord, from, to, attempts)
  redis.call('SETRANGE', h .. ':st:' .. int(math.floor(ord / SEG)), ord % SEG, string.char(attempts * 16 + to))
  if from ~= to then
    redis.call('HINCRBY', h, 's' .. int(from), -1)
    redis.call('HINCRBY', h, 's' .. int(to), 1)
  end
end

-- 16 bytes per recipient; byte 0 is the outcome, the low nibble of byte 15 the attempts that were not charged.
local function read_result(h, ord)
  local at = (ord % SEG) * 16
  return redis.call('GETRANGE', h .. ':r:' .. int(math.floor(ord / SEG)), at, at + 15)
end

local function write_result(h, ord, bytes)
  redis.call('SETRANGE', h .. ':r:' .. int(math.floor(ord / SEG)), (ord % SEG) * 16, bytes)
end

local function uncharged(result)
  if #result < 16 then return 0 end
  return string.byte(result, 16) % 16
end

-- A lease is "token:stage:attempt:node", and ":leg" behind it from an attempt's second leg on; stage c is claimed
-- (nothing rang), d is dialled (past the point of no return).
local function read_lease(lt, ord)
  local v = redis.call('HGET', lt, ord)
  if not v then return nil end
  local token, stage, attempt, node, leg = string.match(v, '^(%d+):(%a):(%d+):([^:]*):?(%d*)$')
  return token, stage, tonumber(attempt), node, tonumber(leg) or 1
end

-- leg_call_id is the Call-ID of a further leg: the first one's, and which leg it is.
local function leg_call_id(id, ord, attempt, leg) return id .. '-' .. ord .. '-' .. attempt .. '-l' .. leg end

-- finish_if_done closes the campaign when no recipient is open.
local function finish_if_done(h, dir, ev, id, tenant, now)
  local c = redis.call('HMGET', h, 's0', 's1', 's2', 'run')
  local run = c[4]
  if run == 'cancelled' then
    -- Until its last lease has ended, the reaper must go on looking at it.
    if tonumber(c[2]) == 0 and redis.call('EXISTS', h .. ':lz') == 0 then redis.call('SREM', dir, id) end
    return
  end
  if run ~= 'running' and run ~= 'paused' then return end
  if tonumber(c[1]) + tonumber(c[2]) + tonumber(c[3]) > 0 then return end
  redis.call('HSET', h, 'run', 'done', 'finished', int(now))
  redis.call('SREM', dir, id)
  redis.call('XADD', ev, '*', 'k', 'run', 'at', int(now), 't', tenant, 'j', id, 'run', 'done')
end
