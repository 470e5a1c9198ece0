"""The Lua that changes jobs. Each script is atomic, and safe to run again when the reply to the first run was lost.

Scripts hold no rules of narration: what may happen is decided in Python (`decisions.py`) and arrives here as bytes to be stored if
nobody was faster. Times come from the server's clock, so processes need not agree on theirs.
"""

from __future__ import annotations

from typing import Final

_NOW_MS: Final = """
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""

_WRITE_STATE: Final = """
-- Stores the fold of the log, and lets everything of the job live for another ttl_ms.
local function write_state(job_id, cursor, state, snapshot, client, done, work, ttl_ms)
  local expiry = now_ms() + ttl_ms
  redis.call('HSET', KEYS[1], 'cursor', cursor, 'state', state, 'client', client, 'work', work)
  redis.call('PEXPIRE', KEYS[1], ttl_ms)
  redis.call('SET', KEYS[2], snapshot, 'PX', ttl_ms)
  redis.call('PEXPIRE', KEYS[3], ttl_ms)
  redis.call('ZADD', KEYS[4], expiry, job_id)
  if done == '1' then
    redis.call('SREM', KEYS[5], job_id)
    redis.call('ZREM', KEYS[6], job_id)
  else
    redis.call('SADD', KEYS[5], job_id)
    redis.call('ZADD', KEYS[6], expiry, job_id)
    redis.call('PEXPIRE', KEYS[6], ttl_ms)
  end
end
"""

# KEYS of CREATE and COMMIT: job, snapshot, events, jobs, open, the client's open jobs.

CREATE: Final = (
    _NOW_MS
    + _WRITE_STATE
    + """
local job_id, token, state, snapshot, client, ttl_ms, remember_ms =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])

local creator = redis.call('HGET', KEYS[1], 'created')
if creator == token then return 'ok' end       -- this very call, whose reply was lost
if creator then return 'taken' end

redis.call('HSET', KEYS[1], 'created', token)
write_state(job_id, '0', state, snapshot, client, '0', '0', ttl_ms)
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now_ms() - remember_ms)
return 'ok'
"""
)

COMMIT: Final = (
    _NOW_MS
    + _WRITE_STATE
    + """
local job_id, token, expected, state, snapshot, client, done, work, ttl_ms, channel, news =
  ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9]), ARGV[10], ARGV[11]
local FIRST_ENTRY = 12

local cursor = redis.call('HGET', KEYS[1], 'cursor')
if not cursor then return 'gone' end
if tonumber(cursor) ~= expected then
  -- Somebody was faster, unless the entry at our place is ours: then this is a repeated call whose reply was lost.
  local place = string.format('%d-0', expected + 1)
  local there = redis.call('XRANGE', KEYS[3], place, place)[1]
  if there and there[2][4] == token then return 'ok' end
  return 'behind'
end

local seq = expected
for k = FIRST_ENTRY, #ARGV do
  seq = seq + 1
  redis.call('XADD', KEYS[3], string.format('%d-0', seq), 'entry', ARGV[k], 'commit', token)
end
write_state(job_id, string.format('%d', seq), state, snapshot, client, done, work, ttl_ms)
redis.call('PUBLISH', channel, news)
return 'ok'
"""
)

# KEYS: job, snapshot, events, jobs, open, the client's open jobs, both leases.
DELETE: Final = """
local job_id, channel, news = ARGV[1], ARGV[2], ARGV[3]
local existed = redis.call('DEL', KEYS[1])
redis.call('DEL', KEYS[2], KEYS[3], KEYS[7], KEYS[8])
redis.call('ZREM', KEYS[4], job_id)
redis.call('SREM', KEYS[5], job_id)
redis.call('ZREM', KEYS[6], job_id)
redis.call('PUBLISH', channel, news)
return existed
"""

# KEYS: the start's key.
REMEMBER_START: Final = """
local job_id, job_prefix, ttl_ms = ARGV[1], ARGV[2], ARGV[3]
local bound = redis.call('GET', KEYS[1])
if bound and redis.call('EXISTS', job_prefix .. bound) == 1 then return bound end
redis.call('SET', KEYS[1], job_id, 'PX', ttl_ms)
return job_id
"""

# KEYS: the client's open jobs.
OPEN_JOBS: Final = _NOW_MS + "return redis.call('ZCOUNT', KEYS[1], now_ms(), '+inf')"

# KEYS: open. Jobs with work: those whose pipeline's lease is held ('1'), or is not ('0').
WITH_WORK: Final = """
local job_prefix, held = ARGV[1], tonumber(ARGV[2])
local found = {}
for _, job_id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local work = redis.call('HGET', job_prefix .. job_id, 'work')
  if not work then
    redis.call('SREM', KEYS[1], job_id)        -- ran out
  elseif work == '1' and redis.call('EXISTS', job_prefix .. job_id .. ':lease') == held then
    found[#found + 1] = job_id
  end
end
return found
"""

# KEYS: job. A job that is gone is not brought back by it.
NOTE_ATTEMPTS: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
redis.call('HSET', KEYS[1], 'attempts', ARGV[1])
return 'ok'
"""

# KEYS: job, lease.
ACQUIRE: Final = """
local owner, ttl_ms = ARGV[1], ARGV[2]
if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= owner then return 'held' end
redis.call('SET', KEYS[2], owner, 'PX', ttl_ms)
return 'ok'
"""

# KEYS: lease.
RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'ok'
"""
