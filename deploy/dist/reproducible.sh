#!/usr/bin/env bash
# Builds the commit that is checked out twice, in two folders with nothing in common, and holds the binaries against each other.
# Prints their SHA-256; exit 1 when they differ. Takes twice what build.sh takes; CI runs it weekly and for each tag.
#
#   deploy/dist/reproducible.sh [KEEP]      KEEP: a folder for the binary and its SHA-256
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
keep=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
commit=$(git -C "$root" rev-parse HEAD)

build() { # folder, target folder, then variables for the build
  local folder=$1 target=$2
  shift 2
  git clone --quiet --no-hardlinks "$root" "$folder"
  git -C "$folder" -c advice.detachedHead=false checkout --quiet "$commit"
  env CARGO_TARGET_DIR="$target" "$@" "$folder/deploy/dist/build.sh"
}

begun=$SECONDS
first=$(build "$work/a" "$work/a/target" LC_ALL=C TZ=UTC)
echo "first build: $((SECONDS - begun)) s" >&2
cp "$first" "$work/first" && rm -rf "$work/a"
begun=$SECONDS
ln -s "${CARGO_HOME:-$HOME/.cargo}" "$work/packages"
second=$(build "$work/another/folder/with-a-longer-name/smoke" "$work/elsewhere" \
  LC_ALL=C.UTF-8 TZ=Pacific/Auckland CARGO_HOME="$work/packages")
echo "second build: $((SECONDS - begun)) s" >&2

sha256sum < "$work/first" | sed "s|-\$|first build of $commit|"
sha256sum < "$second" | sed "s|-\$|second build of $commit|"
if ! cmp "$work/first" "$second" >&2; then
  echo "the builds differ" >&2
  [ -z "$keep" ] || { mkdir -p "$keep" && cp "$work/first" "$keep/smoke.first" && cp "$second" "$keep/smoke.second"; }
  exit 1
fi
echo "the builds are the same: $(stat -c %s "$second") bytes"
if [ -n "$keep" ]; then
  mkdir -p "$keep"
  install -m 755 "$second" "$keep/smoke"
  (cd "$keep" && sha256sum smoke > smoke.sha256)
fi
