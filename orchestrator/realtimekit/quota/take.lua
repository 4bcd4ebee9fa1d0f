-- Grant the calls that fit into the sliding windows, and queue those that do not.
--
-- The script is one step inside Redis and reads the clock of Redis. No other process can act between counting a window
-- and adding to it, and the clocks of the processes do not matter.
--
-- Rules:
--   1. A call is granted when every window that it counts in has room for it and for all calls queued before it.
--   2. A refused call waits in a queue: by priority first, by arrival second. A slot that becomes free is left to the
--      first call in the queue, whichever process asks meanwhile.
--   3. Each priority has a cap on the calls in a window. Lower priorities have lower caps, so the slots above their cap
--      stay for the higher priorities.
--   4. RealtimeKit counts a call at some moment between its grant and its answer. A call leaves a window only when the
--      window's length has passed since its answer.
--
-- All times and durations are microseconds.
--
-- KEYS:
--   1     state   hash: `epoch` (names this life of the data), `arrivals` (a counter that orders the queues)
--   2     gate    exists while a 429 blocks all calls; its time to live is how long that lasts
--   3     kept    sorted set: queue name of a waiting call -> time until which its place in the queues is kept
--   4, 6  calls   sorted set for each window: id of a granted call -> time of its grant, then of its answer
--   5, 7  queue   sorted set for each window: queue name of a waiting call -> priority and arrival
-- ARGV:
--   1  the epoch that the caller knows
--   2  JSON {
--        windows: [{length, caps: [calls by priority], answered: [[id, age], ...]}, ...],
--        place_kept: how long a call keeps its place after the time it was told to come back,
--        calls: [{id, queue_name, priority, windows: in how many of the windows it counts}, ...]
--      }
-- Reply:
--   nothing when the epoch differs: the caller has to run remind.lua first, because this Redis may have lost its calls;
--   otherwise {how long the gate stays closed, wait of the first call (0: granted), wait of the second call, ...}
local state, gate, kept = KEYS[1], KEYS[2], KEYS[3]
if redis.call('HGET', state, 'epoch') ~= ARGV[1] then return {} end
local request = cjson.decode(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local gate_opens = now + math.max(0, redis.call('PTTL', gate)) * 1000
local PRIORITY_FACTOR = 2 ^ 40  -- a queue's score is priority * factor + arrival

-- Bring the windows and the queues up to date.
for number, window in ipairs(request.windows) do
  window.calls, window.queue = KEYS[2 + 2 * number], KEYS[3 + 2 * number]
  for _, call in ipairs(window.answered) do
    redis.call('ZADD', window.calls, 'XX', 'GT', now - call[2], call[1])
  end
  redis.call('ZREMRANGEBYSCORE', window.calls, '-inf', now - window.length)
  window.used = redis.call('ZCARD', window.calls)
  for _, queue_name in ipairs(redis.call('ZRANGEBYSCORE', kept, '-inf', now)) do
    redis.call('ZREM', window.queue, queue_name)
  end
end
redis.call('ZREMRANGEBYSCORE', kept, '-inf', now)

-- How many calls are queued before this one. A call that is new, or that has another priority than before, goes to the
-- end of its priority.
local function queued_before(call, window)
  local score = redis.call('ZSCORE', window.queue, call.queue_name)
  if not score or math.floor(score / PRIORITY_FACTOR) ~= call.priority then
    score = call.priority * PRIORITY_FACTOR + redis.call('HINCRBY', state, 'arrivals', 1)
    redis.call('ZADD', window.queue, score, call.queue_name)
  end
  return redis.call('ZRANK', window.queue, call.queue_name)
end

-- When one window has room for the call. As many calls have to leave the window as are in excess: first those that are
-- in it, then the queued ones that take their slots, and so on, one window length later each time.
local function free_at(call, window)
  local cap = window.caps[call.priority + 1]
  local excess = window.used + queued_before(call, window) - cap
  if excess < 0 then return gate_opens end
  local round = math.max(cap, window.used)
  local index = excess % round
  local counted_at = redis.call('ZRANGE', window.calls, index, index, 'WITHSCORES')[2] or gate_opens
  return math.max(gate_opens, counted_at + window.length * math.floor(excess / round + 1))
end

local reply = {gate_opens - now}
for _, call in ipairs(request.calls) do
  local free, latest = {}, now
  for number = 1, call.windows do
    free[number] = free_at(call, request.windows[number])
    latest = math.max(latest, free[number])
  end
  local granted = latest <= now
  -- A call that waits for one window only must hold up nobody in the queue of the other.
  for number = 1, call.windows do
    if granted or free[number] < latest then
      redis.call('ZREM', request.windows[number].queue, call.queue_name)
    end
  end
  if granted then
    redis.call('ZREM', kept, call.queue_name)
    for number = 1, call.windows do
      local window = request.windows[number]
      redis.call('ZADD', window.calls, now, call.id)
      window.used = window.used + 1
    end
  else
    redis.call('ZADD', kept, latest + request.place_kept, call.queue_name)
  end
  reply[#reply + 1] = latest - now
end

-- Keys that nobody uses for a day disappear.
for _, key in ipairs(KEYS) do
  if key ~= gate then redis.call('PEXPIRE', key, 86400000) end
end
return reply
