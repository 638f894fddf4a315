#!/usr/bin/env bash
# Installs what package.sh made in roots of their own, without Rust, runs `smoke payments` from each, and removes it again.
#
#   deploy/dist/try-packages.sh OUT      needs root and debootstrap (or ROOT=DIR, a Debian tree that may be changed)
set -euo pipefail
out=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

echo "== sums"
(cd "$out" && sha256sum --check SHA256SUMS)

echo "== tarball, in an empty root"
tarball=$(ls "$out"/*.tar.gz)
mkdir -p "$dir/empty"
tar -xzf "$tarball" -C "$dir/empty" --strip-components=1
env -i "$(command -v chroot)" "$dir/empty" /smoke payments --quiet --flows 10 > "$dir/table"
grep -m1 -E "^(PASS|FAIL|UNPROVEN)" "$dir/table"
ls "$dir/empty" | xargs

echo "== .deb, in a clean Debian"
root=${ROOT:-$dir/debian}
[ -d "$root" ] || debootstrap --variant=minbase "${SUITE:-bookworm}" "$root" ${MIRROR:+"$MIRROR"} > "$dir/debootstrap.log" 2>&1 \
  || { tail -5 "$dir/debootstrap.log" >&2; exit 1; }
cp "$out"/*.deb "$root/tmp/smoke.deb"
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
! inside sh -c 'command -v smoke || command -v cargo'
inside dpkg -i /tmp/smoke.deb | tail -2
inside getent passwd smoke
inside smoke --version --verbose
# A minimal Debian has no CA certificates: what goes over http works without.
inside sh -euc 'cd "$(mktemp -d)"; smoke payments --quiet --flows 10 > table; grep -m1 -E "^(PASS|FAIL|UNPROVEN)" table'
for file in /usr/lib/systemd/system/smoke-receive.service /etc/smoke/receive.env /usr/share/man/man1/smoke-receive.1.gz \
  /usr/share/bash-completion/completions/smoke /usr/share/zsh/vendor-completions/_smoke /usr/share/fish/vendor_completions.d/smoke.fish; do
  [ -f "$root$file" ] || { echo "$file is not there" >&2; exit 1; }
done
# As the service runs it, but for systemd: its user, its folder, its secret as a file.
inside sh -euc '
  install -d -m 700 -o smoke -g smoke /var/lib/smoke
  smoke secret > /var/lib/smoke/secret && chown smoke /var/lib/smoke/secret
  cd /var/lib/smoke
  runuser -u smoke -- smoke receive --listen 127.0.0.1:0 --secret-file secret --journal journal.jsonl 2> log & sleep 1
  grep -q receiving log
  kill $! ; wait $! || true
  stat -c "%n %U %a" journal.jsonl'
if command -v systemd-analyze > /dev/null; then
  # Of other units, and of programs, a minimal Debian has few: what counts is whether this one finds its own.
  said=$(systemd-analyze verify --man=no --root="$root" smoke-receive.service 2>&1 || true)
  if grep "smoke-receive.service: Command .*smoke is not" <<< "$said"; then exit 1; fi
  systemd-analyze security --offline=true --root="$root" smoke-receive.service | tail -1 || true
fi
inside apt-get remove -y smoke 2>&1 | tail -1
! inside sh -c 'command -v smoke'
[ -f "$root/var/lib/smoke/journal.jsonl" ] || { echo "the journal went with the package" >&2; exit 1; }
[ -f "$root/etc/smoke/receive.env" ] || { echo "the settings went before a purge" >&2; exit 1; }
inside dpkg --purge smoke 2>&1 | tail -1
[ ! -e "$root/etc/smoke" ] && [ -z "$(inside dpkg -L smoke 2> /dev/null)" ]
echo "installed, run, removed, purged; the journal stayed"
echo "ALL GOOD"
