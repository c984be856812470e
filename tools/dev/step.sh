# step NAME COMMAND...: one line for one step; its output goes to build/log/NAME.log and is shown when it fails.
# Steps that end within a second print nothing, so that a second run is quiet.
step() {
  local name=$1 log=$root/build/log/${1// /-}.log start=$SECONDS
  shift
  mkdir -p "$root/build/log"
  if "$@" >"$log" 2>&1; then
    if ((SECONDS - start > 1)); then printf '%-32s %5s s\n' "$name" $((SECONDS - start)) >&2; fi
    return 0
  else
    local status=$?
    printf '%-32s failed, exit status %s\n' "$name" "$status" >&2
    tail -n "${STEP_TAIL:-60}" "$log" >&2
    printf 'the whole log: %s\n' "$log" >&2
    return "$status"
  fi
}
