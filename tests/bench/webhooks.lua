-- For wrk: sends HTTP requests as they stand in a file, each once.
--   wrk ... -s webhooks.lua URL -- FILE LENGTH FIRST COUNT THREADS
-- Each request has LENGTH bytes; COUNT of them from FIRST on are shared among the threads. Prints one line for the
-- script that runs it: answers, seconds, answers that were no 200, broken connections, and in ms latency at 50 % and 99 %.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    local first, count = tonumber(args[3]), tonumber(args[4])
    local share = math.floor(count / tonumber(args[5]))
    length = tonumber(args[2])
    file = assert(io.open(args[1], "rb"))
    file:setvbuf("full", 262144)
    file:seek("set", (first + number * share) * length)
    -- wrk asks for one by itself to see whether they differ
    left = share
end

-- Where there are no more, the last one is repeated: its answer is `duplicate`, and the count shows it.
function request()
    if left > 0 then
        left = left - 1
        last = file:read(length)
    end
    return last
end

function done(summary, latency, requests)
    local errors = summary.errors
    print(string.format("RESULT %d %.6f %d %d %.3f %.3f", summary.requests, summary.duration / 1e6, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
