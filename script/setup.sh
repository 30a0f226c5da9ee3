# shellcheck shell=bash
# Sets up what script/up and script/test need: Debian packages, .venv. To be sourced, in the repository's root.

say() { printf 'setup: %s\n' "$*"; }

# Programs and the Debian packages that bring them. Other names of the same program count too.
need() {
  local package=$1 program
  shift
  for program in "$@"; do
    if command -v "$program" >/dev/null 2>&1 || [ -e "$program" ]; then return; fi
  done
  missing+=("$package")
}

find_missing() {
  missing=()
  need prometheus prometheus
  need prometheus promtool
  need prometheus-alertmanager prometheus-alertmanager alertmanager
  need prometheus-alertmanager amtool
  need prometheus-node-exporter prometheus-node-exporter node_exporter
  need prometheus-postgres-exporter prometheus-postgres-exporter postgres_exporter
  need prometheus-blackbox-exporter prometheus-blackbox-exporter blackbox_exporter
  need postgresql postgres /usr/lib/postgresql/*/bin/postgres /opt/homebrew/opt/postgresql*/bin/postgres
  find_python || missing+=("$(python_packages)")
}

# The newest Python that is there, from 3.11 on, with its venv module.
find_python() {
  for python in python3.14 python3.13 python3.12 python3.11 python3; do
    "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
  done
  return 1
}

# Debian's default Python if it is new enough, else the oldest new enough one it has beside it.
python_packages() {
  local version
  version=$(apt-cache show python3 2>/dev/null | sed -n 's/^Version: \(3\.[0-9]*\).*/\1/p' | head -n 1)
  case $version in
    '' | 3.1[1-9] | 3.[2-9][0-9]) echo "python3 python3-venv" ;;
    *) echo "python3.11 python3.11-venv" ;;
  esac
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

say_how_to_get_them() {
  {
    echo "setup: missing here: ${missing[*]} (Debian's names), and there is no apt-get to install them. Please do, then run this again:"
    echo "  macOS:  brew install python postgresql@17 prometheus alertmanager node_exporter, and from"
    echo "          https://prometheus.io/download and its exporters page: blackbox_exporter, postgres_exporter"
    echo "  Fedora: sudo dnf install python3 postgresql-server; the others from https://prometheus.io/download, on PATH"
  } >&2
  exit 69 # EX_UNAVAILABLE
}

install_packages() {
  find_missing
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  command -v apt-get >/dev/null 2>&1 || say_how_to_get_them
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
    say "missing: ${missing[*]}. Run this as root, or install sudo." >&2
    exit 77 # EX_NOPERM
  fi
  # shellcheck disable=SC2207 -- package names have no blanks
  missing=($(printf '%s\n' "${missing[@]}" | tr ' ' '\n' | sort -u))
  say "installing with apt-get: ${missing[*]}"
  say "their services will neither be started nor enabled, and no database cluster is made"
  as_root bash script/apt-quietly "${missing[@]}"
}

# Real senders of logs and a browser, for the tests. Where they can't be had, those tests are skipped.
install_senders() {
  missing=()
  need bsdutils logger
  need curl curl
  need rsyslog rsyslogd /usr/sbin/rsyslogd
  need rsyslog-gnutls /usr/lib/*/rsyslog/lmnsd_gtls.so
  need rsyslog-elasticsearch /usr/lib/*/rsyslog/omelasticsearch.so
  need chromium chromium chromium-browser google-chrome google-chrome-stable
  if [ ${#missing[@]} -eq 0 ] || ! command -v apt-get >/dev/null 2>&1; then return; fi
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then return; fi
  say "installing with apt-get, for tests: ${missing[*]}; no service will be started or enabled"
  as_root bash script/apt-quietly "${missing[@]}"
}

digest() { cat "$@" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -c 1-64; }

# sync_venv run|dev: .venv holds what requirements/$1.txt locks. The stamp says which locks it holds already.
sync_venv() {
  local lock=requirements/$1.txt stamp=.venv/wardlight.stamp wanted
  wanted="$1 $(digest requirements/uv.txt "$lock" pyproject.toml sdk/pyproject.toml demo/pyproject.toml)"
  if [ -f "$stamp" ] && grep -qxF "$wanted" "$stamp"; then return; fi
  say "installing Python packages into .venv from $lock"
  find_python || { say "no Python 3.11 or newer with venv" >&2; exit 69; }
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  rm -f "$stamp"
  local own=(-e . -e sdk -e demo)
  if .venv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.txt && .venv/bin/uv --version >/dev/null; then
    local uv=(.venv/bin/uv pip)
    "${uv[@]}" sync --quiet --python .venv/bin/python --require-hashes requirements/uv.txt "$lock"
    "${uv[@]}" install --quiet --python .venv/bin/python --no-deps --no-build-isolation "${own[@]}"
  else
    say "uv can't be had here; using pip, which takes longer"
    .venv/bin/python -m pip install --quiet --require-hashes -r "$lock"
    .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation "${own[@]}"
  fi
  # What dev locks includes what run locks.
  if [ "$1" = dev ]; then
    echo "run $(digest requirements/uv.txt requirements/run.txt pyproject.toml sdk/pyproject.toml demo/pyproject.toml)" >"$stamp"
  fi
  echo "$wanted" >>"$stamp"
}

# The decoder of OTLP in Rust, where a compiler is (seen with 1.95; no crates). Without it a slower one does the same.
compile_decoder() {
  local source=src/wardlight/receive/otlp_native.rs library=src/wardlight/receive/libotlp.so
  if [ "$library" -nt "$source" ]; then return; fi
  if ! command -v rustc >/dev/null 2>&1; then
    say "no rustc here: OTLP is decoded at less than half the speed. With Debian's package rustc, run this again"
    return
  fi
  say "compiling $source"
  if rustc --edition 2021 -C opt-level=3 -C strip=symbols --crate-type cdylib -o "$library.new" "$source"; then
    mv "$library.new" "$library"
  else
    say "this rustc ($(rustc --version)) can't compile it: OTLP is decoded at less than half the speed" >&2
  fi
}
