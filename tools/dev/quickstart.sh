# quickstart [--once]: the real server on the example models, and a client that checks its answers.
quickstart() {
  local once=0
  case ${1:-} in
    --once) once=1 ;;
    "") ;;
    *) echo "usage: ./dev quickstart [--once]" >&2; return 2 ;;
  esac
  build_program
  local python=.deps/venv/main/bin/python http grpc
  read -r http grpc < <("$python" examples/quickstart/free_ports.py 8080 8081)
  echo "\$ triune serve examples/quickstart --http-port $http --grpc-port $grpc"
  build/release/bin/triune serve examples/quickstart --http-port "$http" --grpc-port "$grpc" \
    --runtime-path .deps/runtimes --log-level warning &
  local server=$! status=0
  # Ctrl-C reaches the whole foreground group; the server then drains and ends by itself, and we wait for it.
  trap 'kill -TERM $server 2>/dev/null || true' EXIT
  trap ':' INT
  trap 'kill -TERM $server 2>/dev/null || true' TERM
  # Without this a server that could not start would leave the client waiting.
  until curl -s -o /dev/null "http://127.0.0.1:$http/v2/health/live"; do
    if ! kill -0 "$server" 2>/dev/null; then
      wait "$server" || status=$?
      echo "triune ended with status $status before it answered" >&2
      return 1
    fi
    sleep 0.02
  done
  "$python" examples/quickstart/client.py --http "127.0.0.1:$http" --grpc "127.0.0.1:$grpc" || status=$?
  if [ "$status" = 0 ] && [ "$once" = 0 ]; then
    echo "Serving until Ctrl-C."
  else
    kill -TERM "$server" 2>/dev/null || true
  fi
  local server_status=0
  wait "$server" || server_status=$?
  # 128 + signal: wait was interrupted by Ctrl-C while the server still drains.
  while kill -0 "$server" 2>/dev/null; do wait "$server" && server_status=0 || server_status=$?; done
  trap - EXIT INT TERM
  if [ "$status" != 0 ]; then return "$status"; fi
  return "$server_status"
}
