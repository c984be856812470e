"""Clients and files that misbehave while the server runs, and how it ends."""
import concurrent.futures
import json
import os
import resource
import shutil
import signal
import socket
import struct
import threading
import time

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc

from server import MODELS, exchange, model, post, read_response, tensor, wait_for

IMAGE = json.dumps({"inputs": [tensor("x", "FP32", [0.5] * (3 * 224 * 224), (1, 3, 224, 224))]}).encode()


def reset(connection):
    """Closes with RST instead of FIN, as a machine that crashes does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# ---- clients ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("close", [socket.socket.close, reset])
@pytest.mark.parametrize("sent", [b"", b"G", post()[:60], post()[:-1], post(), post() * 50])
def test_clients_that_go_away_at_any_moment(server, close, sent):
    before = server.open_files()
    for _ in range(30):
        connection = server.connect()
        connection.sendall(sent)
        close(connection)
    server.check_serving()
    wait_for(lambda: server.open_files() <= before, 10, "their connections to be closed")


@pytest.mark.parametrize("close", [socket.socket.close, reset])
def test_clients_that_go_away_while_their_model_runs(server, slow_input, close):
    body = json.dumps({"inputs": [slow_input(server, 0.2)]}).encode()
    before = server.open_files()
    for _ in range(4):
        connection = server.connect()
        connection.sendall(post(body, path="/v2/models/slow/infer"))
        close(connection)
    server.check_serving()
    wait_for(lambda: server.open_files() <= before, 20, "their connections to be closed")
    server.check_serving()


def test_a_half_open_socket_still_gets_its_answer(server, slow_input):
    """The client has sent all it has to say (FIN) and reads on."""
    body = json.dumps({"id": "late", "inputs": [slow_input(server, 0.3)]}).encode()
    with server.connect() as connection:
        connection.sendall(post() + post(body, path="/v2/models/slow/infer"))
        connection.shutdown(socket.SHUT_WR)
        stream = connection.makefile("rb")
        assert read_response(stream).status == 200
        assert read_response(stream).json["id"] == "late"
        assert stream.read() == b""


def stalled(server, requests=200, body=IMAGE, path="/v2/models/image/infer"):
    """A client that sends requests for large answers and reads none of them."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", server.http_port))

    def send():
        try:
            for _ in range(requests):
                connection.sendall(post(body, path=path))
        except OSError:
            pass

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return connection, thread


def test_a_client_that_stops_reading_fills_no_memory_and_is_ended_by_write_timeout(serve):
    server = serve(model("vector"), model("image"), "--write-timeout", 2)
    assert server.post("/v2/models/image/infer", IMAGE).status == 200
    before, files = server.rss_bytes(), server.open_files()
    clients = [stalled(server) for _ in range(8)]
    wait_for(lambda: server.open_files() > files, 10, "the clients")
    for _ in range(20):
        server.check_serving()
    # Eight clients asked for 1,600 answers of a megabyte; only what is on its way may be held.
    assert server.rss_bytes() - before < 150_000_000
    wait_for(lambda: server.open_files() <= files, 30, "the server to give them up")
    for connection, thread in clients:
        connection.close()
        thread.join(10)
    server.check_serving()


def test_a_client_that_reads_slowly_gets_its_whole_answer(serve):
    server = serve(model("image"), "--write-timeout", 3)
    expected = server.post("/v2/models/image/infer", IMAGE).body
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    with connection:
        connection.connect(("127.0.0.1", server.http_port))
        connection.sendall(post(IMAGE, path="/v2/models/image/infer"))
        received = b""
        while not received.endswith(expected[-100:]):
            part = connection.recv(8192)
            assert part
            received += part
            if len(received) < 300_000:
                time.sleep(0.01)
    assert received.endswith(expected)


IDLE_CONNECTIONS = 10_000
IDLE_BYTES = 8 << 10


@pytest.fixture
def open_file_limit():
    """Raised to what is allowed, for this process and the servers that it starts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def connections():
    """A list whose sockets are closed in the end."""
    held = []
    yield held
    for connection in held:
        connection.close()


@pytest.mark.parametrize("use", [False, True], ids=["fresh", "after a request"])
def test_idle_connections_cost_little_memory(open_file_limit, serve, connections, use):
    count = min(IDLE_CONNECTIONS, open_file_limit - 500)
    assert count >= 2000, f"the limit on open files, {open_file_limit}, is too low to tell"
    server = serve(model("vector"))
    for _ in range(200):
        server.check_serving()
    # One or two connections of before may not be closed yet.
    before, files = server.rss_bytes(), server.open_files()
    while len(connections) < count:
        # In portions that the kernel's queue of new connections can hold.
        portion = [server.connect() for _ in range(500)]
        connections += portion
        wait_for(lambda: server.open_files() >= files - 5 + len(connections), 20, "the connections to be accepted")
        if use:
            for connection in portion:
                connection.sendall(post())
            for connection in portion:
                with connection.makefile("rb") as stream:
                    assert read_response(stream).status == 200
    each = (server.rss_bytes() - before) / len(connections)
    server.check_serving()
    for connection in connections:
        connection.close()
    wait_for(lambda: server.open_files() <= files, 20, "all of them to be closed")
    server.check_serving()
    print(f"{each:.0f} bytes for each of {len(connections)} connections")
    assert each <= IDLE_BYTES


def test_no_memory_is_lost_over_many_requests(serve):
    server = serve(model("vector"), model("image"))

    def some(number):
        for _ in range(number):
            server.check_serving()
            exchange(server, post(b"{"))
        for _ in range(number // 20):
            assert server.post("/v2/models/image/infer", IMAGE).status == 200

    some(400)
    before, files = server.rss_bytes(), server.open_files()
    some(1200)
    assert server.rss_bytes() - before < 8_000_000
    wait_for(lambda: server.open_files() <= files, 10, "the connections to be closed")


# ---- files ------------------------------------------------------------------------------------------------------


def doubled_or_tripled(server):
    answer = server.infer("m", [tensor("x", "FP32", [10])])
    assert answer.status == 200, answer.body
    return answer.json["outputs"][0]["data"][0] / 10


def replace(file, contents):
    """As a careful writer does: the new file takes the name at once."""
    part = file.with_suffix(".part")
    part.write_bytes(contents)
    part.rename(file)


def overwrite(file, contents):
    """As `cp` does: into the same file, which someone may have mapped into memory."""
    with open(file, "r+b") as stream:
        stream.truncate(0)
        stream.write(contents)


def remove(file, contents):
    file.unlink()
    file.parent.rmdir()


@pytest.mark.parametrize("change", [replace, overwrite, remove])
@pytest.mark.parametrize("contents", [(MODELS / "times3" / "model.onnx").read_bytes(), b"junk"], ids=["other", "junk"])
def test_a_model_file_that_changes_while_it_is_served(serve, tmp_path, change, contents):
    folder = tmp_path / "m"
    shutil.copytree(MODELS / "times2", folder)
    server = serve(f"m={folder}", model("vector"))
    assert doubled_or_tripled(server) == 2
    change(folder / "model.onnx", contents)
    for _ in range(20):
        assert doubled_or_tripled(server) == 2
    server.check_serving()


# ---- the end ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_an_idle_server_at_once(serve, number):
    server = serve(model("vector"))
    with server.connect():  # an open connection does not hold it up
        start = time.monotonic()
        server.signal(number)
        assert server.wait() == 0
        assert time.monotonic() - start < 5


def status_or_none(ask):
    try:
        return ask()
    except (OSError, AttributeError):
        return None


def test_sigterm_drains(serve, slow_input):
    server = serve(model("slow"), model("vector"))
    given = slow_input(server, 2)
    kept = server.connect()
    kept.sendall(post())
    stream = kept.makefile("rb")
    assert read_response(stream).status == 200
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.infer, "slow", [given], id="drained")
        time.sleep(0.3)
        server.signal()

        def not_ready():
            """Over the connection of before: 503, or closed."""
            kept.sendall(b"GET /v2/health/ready HTTP/1.1\r\nHost: t\r\n\r\n")
            return read_response(stream).status == 503

        wait_for(lambda: status_or_none(not_ready) is not False, 1.5, "an end to the connections of before")
        answer = running.result()
        assert answer.status == 200 and answer.json["id"] == "drained"
    assert server.wait() == 0
    kept.close()


def test_sigterm_waits_for_a_request_that_is_being_sent(serve):
    server = serve(model("vector"), "--drain-timeout", 20)
    with server.connect() as connection:
        request = post()
        connection.sendall(request[:-10])
        time.sleep(0.3)
        server.signal()
        time.sleep(0.5)
        connection.sendall(request[-10:])
        assert read_response(connection.makefile("rb")).status == 200
    assert server.wait() == 0


def test_sigterm_drains_grpc(serve, slow_input):
    server = serve(model("slow"))
    trips = np.array(slow_input(server, 1.5)["data"])
    given = triton_grpc.InferInput("trips", [1], "INT64")
    given.set_data_from_numpy(trips)
    client = triton_grpc.InferenceServerClient(server.grpc)
    results, done = [], threading.Event()

    def collect(result, error):
        results.append(error or result.as_numpy("done").tolist())
        done.set()

    client.async_infer("slow", [given], collect)
    time.sleep(0.3)
    server.signal()
    assert done.wait(20)
    assert results == [trips.tolist()]
    assert server.wait() == 0
    client.close()


def test_ready_turns_503_before_the_end(serve, slow_input):
    """With a call in flight there is time to see it."""
    server = serve(model("slow"))
    given = slow_input(server, 2)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.infer, "slow", [given])
        time.sleep(0.3)
        server.signal()
        wait_for(lambda: status_or_none(lambda: server.get("/v2/health/ready").status) == 503, 1.5,
                 "503 while it drains")
        assert running.result().status == 200
    assert server.wait() == 0


def test_drain_timeout_bounds_the_wait(serve, slow_input):
    server = serve(model("slow"), "--drain-timeout", 1)
    given = slow_input(server, 8)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(status_or_none, lambda: server.infer("slow", [given]).status)
        time.sleep(0.3)
        start = time.monotonic()
        server.signal()
        server.wait()
        server.expected_status = (0, 1)  # it had to give up a call
        assert time.monotonic() - start < 6
        assert running.result() in (None, 503, 504)


def test_nobody_else_notices_a_flood_of_errors(server):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        floods = [pool.submit(lambda: [exchange(server, post(b"{")).status for _ in range(100)]) for _ in range(8)]
        for _ in range(50):
            server.check_serving()
        assert {status for flood in floods for status in flood.result()} == {400}


def test_no_core_or_temporary_files_are_left(serve, tmp_path):
    server = serve(model("vector"))
    server.check_serving()
    folder = server.log_path.parent
    server.stop()
    assert set(os.listdir(folder)) <= {"server.log", "ports.json"}
