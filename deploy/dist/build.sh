#!/usr/bin/env bash
# Builds the binary that is shipped: static, and the same bytes whichever folder it is built in. Prints its path.
#
#   deploy/dist/build.sh [TARGET]     TARGET: x86_64-unknown-linux-gnu (default), aarch64-unknown-linux-gnu, *-linux-musl
#
# The C library is linked in. For the gnu targets that is glibc, whose resolver has `files` and `dns` built in since 2.34, so that
# names resolve without the system's NSS modules (try-empty-root.sh shows it); mDNS, LDAP and systemd-resolved's own module are not
# asked, only the name servers of /etc/resolv.conf. Takes minutes: fat LTO, one codegen unit (profile `dist` in Cargo.toml).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
target=${1:-x86_64-unknown-linux-gnu}
target_dir=${CARGO_TARGET_DIR:-$root/target}
cargo_home=${CARGO_HOME:-$HOME/.cargo}

case "$root$target_dir$cargo_home" in *[[:space:]]*)
  echo "build.sh: $root, $target_dir or $cargo_home has a blank in its name, which flags of compilers cannot have" >&2
  exit 2 ;;
esac

# What would tell two builds apart: paths in panic messages (Rust) and assertions (C), time stamps.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || echo 0)}
remap="--remap-path-prefix=$root=/smoke --remap-path-prefix=$target_dir=/target --remap-path-prefix=$cargo_home=/cargo"
maps="-ffile-prefix-map=$root=/smoke -ffile-prefix-map=$target_dir=/target -ffile-prefix-map=$cargo_home=/cargo"
export CFLAGS="${CFLAGS:-} $maps -g0" CXXFLAGS="${CXXFLAGS:-} $maps -g0"
# With --target they are for the target alone: a build script or macro cannot be static on gnu.
# Relative relocations are packed, which glibc's own start-up knows since 2.36.
case "$target" in
  *-gnu) link="-C link-arg=-Wl,-z,pack-relative-relocs" ;;
  *) link="" ;;
esac
# What rust-lld, rustc's linker on this target, can do: functions with the same code are one, and tables that nothing reads are
# left out (no-unwind.ld; from the folder that cargo links in: a path of its own would change the bytes).
case "$target" in x86_64-unknown-linux-gnu)
  link="$link -C link-arg=-Wl,--icf=all -C link-arg=-Wl,-T,deploy/dist/no-unwind.ld -C link-arg=-Wl,--no-eh-frame-hdr" ;;
esac
# Random bytes by the system call alone: the crate's usual way looks it up by dlsym, which a static binary has not, and then reads
# /dev/urandom, which an empty root has not.
random='--cfg getrandom_backend="linux_getrandom"'
export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static $link $random $remap"
export CARGO_TARGET_DIR=$target_dir CARGO_INCREMENTAL=0

cargo build --locked --profile dist --target "$target" --package smoke --bin smoke >&2
echo "$target_dir/$target/dist/smoke"
