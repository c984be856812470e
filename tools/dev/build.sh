# build [PRESET [TARGET...]]: configures a preset the first time, then builds.
build() {
  local preset=${1:-release}
  shift || true
  configure "$preset"
  step "build $preset" cmake --build "build/$preset" --parallel "$jobs" ${1:+--target "$@"}
}

configure() {
  if [ ! -e "build/$1/build.ninja" ]; then step "configure $1" cmake --preset "$1"; fi
}

# targets PRESET PATTERN: the names of the targets that match, of a configured build.
targets() {
  ninja -C "build/$1" -t targets all | sed -nE "s/^($2): phony\$/\1/p" | grep -v '^cmake_object_order_'
}

# The unit test programs, and the plug-ins that they open.
unit_test_targets() {
  targets "$1" '[a-z0-9_]+_test|triune_runtime_[a-z0-9]+'
}

# The program and its plug-ins, without the tests.
build_program() {
  local wanted
  configure release
  mapfile -t wanted < <(targets release 'triune|triune_runtime_[a-z0-9]+')
  build release "${wanted[@]}"
}

bench() {
  local name=${1:?usage: ./dev bench NAME [ARGUMENTS]}
  shift
  if [ ! -x "bench/$name/run" ]; then
    echo "no bench/$name/run" >&2
    return 2
  fi
  build_program
  "bench/$name/run" "$@"
}

cpp_files() {
  git ls-files --cached --others --exclude-standard '*.cc' '*.h'
}

format() {
  local options=(-i)
  if [ "${1:-}" = --check ]; then options=(--dry-run -Werror); fi
  cpp_files | xargs --no-run-if-empty clang-format-16 "${options[@]}"
}

# lint [FILES]: by default every source file of src/, and all Python.
lint() {
  step "lint python" .deps/venv/main/bin/ruff check .
  build release triune_proto
  local files=("$@")
  if [ ${#files[@]} -eq 0 ]; then mapfile -t files < <(cpp_files | grep '^src/.*\.cc$'); fi
  STEP_TAIL=200 step "lint" run-clang-tidy-16 -quiet -extra-arg=-Wno-unknown-warning-option -p build/release -j "$jobs" "${files[@]}"
}
