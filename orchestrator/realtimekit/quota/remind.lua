-- Tell Redis of the calls that one process has made, and of the gate as that process knows it.
--
-- A Redis that was emptied has forgotten calls that RealtimeKit still counts. When any of the told calls is new to it,
-- the gate closes for a moment, because other processes have calls to tell as well. A call whose later answer is known
-- already keeps it, and a gate that is closed for longer stays so.
--
-- KEYS: as in take.lua.
-- ARGV:
--   1  the epoch to set when Redis has none
--   2  JSON {
--        calls: for each window [[id, age in microseconds], ...],
--        gate_closed_ms: for how long the process knows the gate to be closed,
--        settle_ms: for how long the gate closes when Redis had lost calls
--      }
-- Reply: the epoch.
local told = cjson.decode(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local closed_ms, lost = told.gate_closed_ms, 0
for number, calls in ipairs(told.calls) do
  for _, call in ipairs(calls) do
    lost = lost + redis.call('ZADD', KEYS[2 + 2 * number], 'GT', now - call[2], call[1])
  end
end
if lost > 0 then closed_ms = math.max(closed_ms, told.settle_ms) end
if closed_ms > math.max(0, redis.call('PTTL', KEYS[2])) then redis.call('SET', KEYS[2], 1, 'PX', closed_ms) end
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
return redis.call('HGET', KEYS[1], 'epoch')
