#!/usr/bin/env bash
# Makes what is published of a binary: tarball, .deb, SBOM, SHA-256 sums. The same binary and commit give the same bytes.
#
#   deploy/dist/package.sh BINARY OUT [TARGET]
#
# Needs cargo-deb and cargo-cyclonedx (cargo install --locked cargo-deb cargo-cyclonedx). The binary has to run here; for another
# processor set SMOKE_HOST to one of the same commit that does.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
binary=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
target=${3:-x86_64-unknown-linux-gnu}
host=${SMOKE_HOST:-$binary}
cd "$root"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || echo 0)}
version=$("$host" --version | cut -d' ' -f2)

# What cargo-deb's assets in Cargo.toml name.
parts=target/package
rm -rf "$parts"
mkdir -p "$parts/completions"
install -m 755 "$binary" "$parts/smoke"
"$host" man "$parts/man"
"$host" completions bash > "$parts/completions/smoke"
"$host" completions zsh > "$parts/completions/_smoke"
"$host" completions fish > "$parts/completions/smoke.fish"

name=smoke-$version-$target
tree=$parts/$name
mkdir -p "$tree"
cp -r "$parts/smoke" "$parts/man" "$parts/completions" README.md CHANGELOG.md LICENSE docs scenarios "$tree"
mkdir -p "$tree/systemd"
cp deploy/systemd/* "$tree/systemd"
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode='u+rwX,go=rX' --format=gnu \
  -C "$parts" -cf - "$name" | gzip -9n > "$out/$name.tar.gz"

# CARGO_DEB_OPTIONS=--fast makes a larger one in less time.
# shellcheck disable=SC2086
cargo deb --quiet ${CARGO_DEB_OPTIONS:-} --no-build --no-strip --package smoke --target "$target" --output "$out/"

# Each package of the workspace gets a file beside its manifest; the program's lists all that is in it.
cargo cyclonedx --quiet --format json --target "$target" --override-filename smoke-sbom
mv smoke-sbom.json "$out/$name.cdx.json"
rm -f crates/*/smoke-sbom.json

cd "$out"
sha256sum ./*.tar.gz ./*.deb ./*.cdx.json | sed 's|\./||' > SHA256SUMS
cat SHA256SUMS
