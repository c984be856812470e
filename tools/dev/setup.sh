# Set-up: what is there already costs milliseconds.

set_up_build() {
  set_up_apt deps/apt.txt
  set_up_environment deps/runtimes.json .deps/runtimes/.done \
    step "runtimes" fetch_runtimes
  set_up_environment deps/headers.txt .deps/headers/.done step "headers" fetch_headers
}

set_up_all() {
  set_up_apt deps/apt.txt deps/apt-dev.txt
  set_up_build
  set_up_python main
  set_up_python kserve
}

# set_up_apt LIST...: installs the packages that dpkg does not have.
set_up_apt() {
  local wanted missing
  mapfile -t wanted < <(sed 's/#.*//' "$@" | awk NF)
  mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
      awk '$1 == "installed" {print $2}' | sort -u))
  if [ ${#missing[@]} -eq 0 ]; then return 0; fi
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "these packages are missing, and installing them takes root or sudo: ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends)
  # The package lists may be missing or too old: only then are they fetched.
  if ! step "apt install" "${install[@]}" "${missing[@]}" 2>/dev/null; then
    step "apt update" "${as_root[@]}" apt-get update
    step "apt install" "${install[@]}" "${missing[@]}"
  fi
}

# set_up_environment SOURCE STAMP COMMAND...: runs COMMAND unless STAMP says that it ran for this SOURCE.
set_up_environment() {
  local source=$1 stamp=$2 key
  shift 2
  key=$(sha256sum <"$source")
  if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then return 0; fi
  "$@"
  echo "$key" >"$stamp"
}

# Debian's own Python where there is one that is new enough: the packages in deps/apt.txt belong to it.
find_python() {
  local python
  for python in /usr/bin/python3 python3; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$python"
      return 0
    fi
  done
  echo "no Python 3.11 or newer with venv found" >&2
  return 1
}

# set_up_python NAME: .deps/venv/NAME from deps/python/NAME.txt, every file checked by its hash.
set_up_python() {
  set_up_environment "deps/python/$1.txt" ".deps/venv/$1/.done" step "python packages $1" make_venv "$1"
}

make_venv() {
  local folder=.deps/venv/$1 wheels=$cache/wheels python
  python=$(find_python)
  rm -rf "$folder"
  mkdir -p "$wheels" .deps/venv
  "$python" -m venv "$folder"
  local install=("$folder/bin/python" -m pip install --quiet --require-hashes --no-index --find-links "$wheels"
    -r "deps/python/$1.txt")
  # Another clone may have downloaded everything already.
  if ! "${install[@]}"; then
    "$folder/bin/python" -m pip download --quiet --require-hashes --only-binary :all: --dest "$wheels" \
      -r "deps/python/$1.txt"
    "${install[@]}"
  fi
}

fetch_runtimes() {
  local python
  python=$(find_python)
  mkdir -p .deps/runtimes
  "$python" tools/fetch_runtimes.py .deps/runtimes "$cache/wheels"
}

# Unpacks the packages of deps/headers.txt; downloads those that no clone has had before.
fetch_headers() {
  local package version sum file
  rm -rf .deps/headers
  mkdir -p .deps/headers "$cache/debs"
  while read -r package version sum; do
    file=$cache/debs/${package}_$version.deb
    if ! echo "$sum $file" | sha256sum --check --status 2>/dev/null; then
      (cd "$cache/debs" && apt-get download --quiet "$package=$version" && mv "${package}_${version}"_*.deb "$file")
      echo "$sum $file" | sha256sum --check --quiet
    fi
    dpkg-deb -x "$file" .deps/headers
  done < <(sed 's/#.*//' deps/headers.txt | awk NF)
}
