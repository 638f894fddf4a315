#!/usr/bin/env bash
# Runs the static binary where there is nothing else: a root with only the binary, CA certificates and resolv.conf, in a network
# namespace of its own, whose name server and HTTPS receiver are this script's and smoke's own. No root privileges needed.
#
#   deploy/dist/try-empty-root.sh BINARY
#
# Shows: `ldd` says static; size under 16 MB; errors are told with RUST_BACKTRACE set; `smoke payments` passes; names resolve with
# no NSS module, no nsswitch.conf and no /etc/hosts there; a certificate is checked against the CA file there, and one of another CA
# is refused.
set -euo pipefail
binary=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)

if [ "${2:-}" != inside ]; then
  static=$(ldd "$binary" 2>&1 || true)
  case "$static" in
    *"statically linked"* | *"not a dynamic executable"*) echo "ldd: $(echo "$static" | xargs)" ;;
    *) echo "not static: $static" >&2; exit 1 ;;
  esac
  bytes=$(stat -c %s "$binary")
  echo "size: $bytes bytes"
  [ "$bytes" -lt 16000000 ] || { echo "over 16 MB" >&2; exit 1; }
  # An error is told whatever RUST_BACKTRACE says, although there are no tables for a backtrace.
  for level in 0 1 full; do
    told=$(RUST_BACKTRACE=$level "$binary" diff /nowhere /nowhere 2>&1) && code=0 || code=$?
    case "$code $told" in "2 error: "*) ;; *) echo "RUST_BACKTRACE=$level: exit $code: $told" >&2; exit 1 ;; esac
  done
  user=(); [ "$(id -u)" = 0 ] || user=(--user --map-root-user)
  exec unshare "${user[@]}" --net --pid --fork --kill-child -- "$0" "$binary" inside
fi

# From here on this is process 1 of the namespaces: what it started ends with it.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
root=$dir/root
mkdir -p "$root/etc/ssl/certs" "$root/keys"
install -m 755 "$binary" "$root/smoke"
echo "nameserver 127.0.0.1" > "$root/etc/resolv.conf"

certificate() { # name, file of key and certificate
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
    -addext "subjectAltName=DNS:$1" -addext basicConstraints=critical,CA:FALSE -keyout "$2.key" -out "$2.pem" 2> /dev/null
}
certificate hooks.staging.test "$root/keys/hooks"
certificate hooks.staging.test "$dir/other"
cp "$root/keys/hooks.pem" "$root/etc/ssl/certs/ca-certificates.crt"

python3 "$here/name_server.py" staging.test=127.0.0.2 hooks.staging.test=127.0.0.3 > "$dir/names" &
for _ in $(seq 100); do [ -s "$dir/names" ] && break; sleep 0.05; done
[ -s "$dir/names" ] || { echo "the name server did not start" >&2; exit 1; }

chroot=$(command -v chroot)
smoke() { env -i PATH=/ "$chroot" "$root" /smoke "$@"; }
wait_for() { # what, file, pattern
  for _ in $(seq 200); do grep -q "$3" "$2" 2> /dev/null && return; sleep 0.05; done
  echo "gave up waiting for $1" >&2; cat "$2" >&2; exit 1
}

echo "in the root: $(cd "$root" && find . -type f | sort | xargs)"
echo "== payments against the embedded stand-in"
smoke payments --quiet --flows 10 > "$dir/table"; grep -m1 -E "^(PASS|FAIL|UNPROVEN)" "$dir/table"

echo "== payments against a host by name, over the name server of resolv.conf"
smoke secret > "$root/secret"
smoke staging --listen 127.0.0.2:8000 --webhook-url http://hooks.staging.test:8787/webhooks/inbound \
  --secret-file /secret --write-data /data > "$dir/staging.log" 2>&1 &
wait_for "the stand-in" "$dir/staging.log" "127.0.0.2:8000"
smoke payments --staging http://staging.test:8000 --listen 127.0.0.3:8787 --secret-file /secret --flows 10 \
  --public-url http://hooks.staging.test:8787/webhooks/inbound --data /data/payments.csv --env-file /data/staff.env \
  --i-own-this-target --quiet > "$dir/table"; grep -m1 -E "^(PASS|FAIL|UNPROVEN)" "$dir/table"
grep -c staging.test "$dir/names" | sed 's/^/questions to the name server: /'
if smoke payments --staging http://nowhere.test:8000 --secret-file /secret --quiet 2> "$dir/unknown"; then
  echo "a name that nobody knows was reached" >&2; exit 1
fi
echo "unknown name: $(grep -m1 -i error "$dir/unknown")"

echo "== no CA certificates: http works all the same"
mv "$root/etc/ssl" "$dir/ssl"
smoke payments --quiet --flows 10 > "$dir/table"; grep -m1 -E "^(PASS|FAIL|UNPROVEN)" "$dir/table"
mv "$dir/ssl" "$root/etc/ssl"

echo "== https, checked against /etc/ssl/certs/ca-certificates.crt"
smoke receive --listen 127.0.0.3:8443 --secret-file /secret --tls-cert /keys/hooks.pem --tls-key /keys/hooks.key \
  --journal /receive.jsonl > "$dir/receive.log" 2>&1 &
wait_for "the receiver" "$dir/receive.log" receiving
smoke load webhooks --to https://hooks.staging.test:8443/webhooks/inbound --rate 20/s --duration 1s --secret-file /secret \
  --artifacts /load --quiet
echo "20 webhooks over https: exit 0"
cp "$dir/other.pem" "$root/etc/ssl/certs/ca-certificates.crt"
code=0
smoke load webhooks --to https://hooks.staging.test:8443/webhooks/inbound --rate 20/s --duration 1s --secret-file /secret \
  --artifacts /load --quiet 2> "$dir/refused" || code=$?
[ "$code" = 4 ] || { echo "a certificate of another CA was not refused (exit $code)" >&2; exit 1; }
echo "another CA: $(tail -1 "$dir/refused" | cut -c1-160)"
echo "ALL GOOD"
