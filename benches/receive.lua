-- One signed webhook, sent again and again: head and body come from the files that receive.sh has made.
local function read(name)
  local file = assert(io.open(os.getenv("SMOKE_BENCH_DIR") .. "/" .. name, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

wrk.method = "POST"
wrk.path = "/webhooks/inbound"
wrk.body = read("body")
wrk.headers["Content-Type"] = "application/json"
for line in read("headers"):gmatch("[^\r\n]+") do
  local name, value = line:match("^(.-): (.*)$")
  wrk.headers[name] = value
end
