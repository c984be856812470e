# Tests: ctest is the one runner; a run's results are counted case by case by tools/count_tests.py.
passed=0
failed=0

# The libraries whose code runs on several threads at once: what `./dev test` holds under ThreadSanitizer.
concurrent='^unit\.(base|data|telemetry|compute|model|serving|platform|server|runtimes?)$'

# run_tests [CTEST ARGUMENTS]
run_tests() {
  if ! build release; then
    count 0 1
    verdict
    return
  fi
  if [ $# -gt 0 ]; then
    ctest --test-dir build/release --output-on-failure --no-tests=error "$@"
    return
  fi
  ctest_group release --parallel "$jobs"
  sanitizer_group asan --label-regex unit
  sanitizer_group tsan --tests-regex "$concurrent"
  fuzz_all 10
  verdict
}

sanitize() {
  sanitizer_group asan --label-regex unit
  sanitizer_group tsan --label-regex unit
  verdict
}

fuzz() {
  fuzz_all "$1"
  verdict
}

verdict() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" != 0 ]
}

count() {
  passed=$((passed + $1))
  failed=$((failed + $2))
}

# ctest_group PRESET [CTEST ARGUMENTS]: runs tests of a build and adds to the counts; never ends the script.
ctest_group() {
  local preset=$1 results=$root/build/$1/test-results counts
  shift
  rm -rf "$results"
  mkdir -p "$results"
  STEP_TAIL=200 TRIUNE_TEST_RESULTS=$results GTEST_OUTPUT=xml:$results/ step "tests $preset" without_aslr_if "$preset" \
    ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --output-junit "$results/ctest.junit" "$@" ||
    true
  read -r -a counts < <("$(find_python)" tools/count_tests.py "$results")
  count "${counts[@]}"
}

# sanitizer_group PRESET [CTEST ARGUMENTS]: the unit tests, in a build of their own.
sanitizer_group() {
  local preset=$1 targets
  shift
  configure "$preset"
  mapfile -t targets < <(unit_test_targets "$preset")
  if ! build "$preset" "${targets[@]}"; then
    count 0 1
    return 0
  fi
  ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 \
    TSAN_OPTIONS=halt_on_error=1:ignore_noninstrumented_modules=1:second_deadlock_stack=1:suppressions=$root/tools/tsan.supp \
    ctest_group "$preset" "$@"
}

# ThreadSanitizer of GCC 12 cannot run where the kernel randomises addresses with many bits.
without_aslr_if() {
  local preset=$1
  shift
  if [ "$preset" = tsan ] && setarch "$(uname -m)" -R true 2>/dev/null; then
    setarch "$(uname -m)" -R "$@"
  else
    "$@"
  fi
}

# fuzz_all SECONDS: each target counts as one test. What it finds stays in build/fuzz/found.
fuzz_all() {
  local seconds=$1 program name
  if ! build fuzz; then
    count 0 1
    return 0
  fi
  for program in build/fuzz/fuzz/*_fuzz; do
    if [ ! -x "$program" ]; then continue; fi
    name=$(basename "${program%_fuzz}")
    mkdir -p "build/fuzz/corpus/$name" build/fuzz/found "tests/fuzz/$name"
    if step "fuzz $name" "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="build/fuzz/found/$name-" "build/fuzz/corpus/$name" "tests/fuzz/$name"; then
      count 1 0
    else
      count 0 1
    fi
  done
}
