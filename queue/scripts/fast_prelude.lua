-- Shared by the scripts of the fast lane, behind prelude.lua. A message is one hash, KEYS[1] of the shard is the queue.

-- legs_of reads the field "attempt:leg": it says nothing of any other attempt than its own.
local function legs_of(field, attempts)
  local attempt, leg = string.match(field or '', '^(%d+):(%d+)$')
  if attempt ~= attempts then return 1 end
  return tonumber(leg)
end

-- close_message rests a message in a terminal state; its record outlives it by the retention.
local function close_message(m, state, now, retention)
  redis.call('HSET', m, 'state', state, 'stage', '', 'ended', int(now))
  redis.call('PEXPIRE', m, retention)
end

local function skip_message(m, ev, id, outcome, state, now, retention)
  local h = redis.call('HMGET', m, 'tenant', 'attempts', 'token', 'result')
  -- Whoever may have been called for all we know does not become one who never was.
  if string.byte(h[4], 1) == 9 then
    outcome, state = 9, UNCERTAIN
  else
    redis.call('HSET', m, 'result', string.char(outcome) .. string.rep('\0', 15))
  end
  close_message(m, state, now, retention)
  redis.call('XADD', ev, '*', 'k', 'skipped', 'at', int(now), 't', h[1], 'j', id, 'o', 0, 'a', h[2], 'tok', h[3],
    'out', outcome, 'st', state)
end
