-- Of wrk: post each body of a file once (four bytes of length, then the body), then stop; print what was answered.
-- Arguments: the file, the path.
local bodies, next_body, path = {}, 0, "/"

function init(args)
  path = args[2]
  local file = assert(io.open(args[1], "rb"))
  local head = file:read(4)
  while head do
    local a, b, c, d = head:byte(1, 4)
    bodies[#bodies + 1] = file:read(((a * 256 + b) * 256 + c) * 256 + d)
    head = file:read(4)
  end
  file:close()
end

function request()
  next_body = next_body % #bodies + 1
  return wrk.format("POST", path, { ["content-encoding"] = "gzip" }, bodies[next_body])
end

function done(summary, latency)
  local wrong = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.status + summary.errors.timeout
  io.write(string.format("\nRESULT %d %d %d %.0f %.0f\n", summary.requests, summary.duration, wrong,
    latency:percentile(50), latency:percentile(99)))
end
