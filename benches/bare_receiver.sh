# For the recipes of loads, which source it: `smoke` is the binary, `url` a bare receiver that runs until the recipe ends, `work` a folder
# for as long.
smoke=${SMOKE:-target/release/smoke} receiver=${RECEIVER:-target/release/bare_receiver}
work=$(mktemp -d)
export WEBHOOK_SECRET=3f1c6a0e5b7d92c48e10fa63b5d7c9e2043a6f8b1d2e5c7096b8a4f3e1d0c2b5
"$receiver" > "$work/url" & pid=$!
trap 'kill $pid; rm -rf "$work"' EXIT
for _ in $(seq 50); do [ -s "$work/url" ] && break; sleep 0.1; done
url=$(cat "$work/url")
