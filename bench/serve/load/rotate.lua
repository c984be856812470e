-- wrk script: POSTs the lines of a file one after another.   wrk ... -s rotate.lua URL -- FILE
-- The requests are made once, here; while the load runs, Lua only hands out the next one.
local requests, n = {}, 0
function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  for line in assert(io.open(args[1], "rb")):lines() do
    requests[#requests + 1] = wrk.format(nil, nil, nil, line)
  end
  assert(#requests > 0, "no bodies")
end
function request()
  n = n % #requests + 1
  return requests[n]
end
