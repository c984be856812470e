"""Fixtures: `server`, one server with all models for the whole file; `serve(...)`, a server of the test's own."""
import itertools
import pathlib
import socket
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from server import BINARY, MODELS, QUICKSTART, Server, model, tensor  # noqa: E402

# No test may hang: pytest-timeout ends it with all stacks.
TEST_SECONDS = 60


def pytest_collection_modifyitems(items):
    for item in items:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.fixture(scope="session", autouse=True)
def binary():
    assert pathlib.Path(BINARY).is_file(), f"no {BINARY}: run ./dev build"
    return BINARY


def end(server):
    """A server that crashed, hung or did not end cleanly fails the test that used it."""
    try:
        status = server.stop()
    finally:
        server.kill()
    if status not in server.expected_status:
        print(server.log()[-20000:])
    assert status in server.expected_status, f"the server ended with status {status}"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    all_models = [model(folder.name) for folder in sorted(MODELS.iterdir())]
    running = Server(tmp_path_factory.mktemp("server"), [*all_models, QUICKSTART])
    yield running
    end(running)


@pytest.fixture
def serve(tmp_path):
    """serve(ARGUMENTS..., wait_ready=True) -> Server, ended after the test."""
    running = []
    numbers = itertools.count()

    def start(*arguments, **options):
        running.append(Server(tmp_path / f"server-{next(numbers)}", arguments, **options))
        return running[-1]

    yield start
    for one in running:
        print(one.log()[-8000:])  # shown by pytest when the test failed
        end(one)


@pytest.fixture(autouse=True)
def show_log(request):
    """What the shared server logged during a test, when that test fails (pytest shows captured output then)."""
    shared = request.node.funcargs.get("server")
    start = len(shared.log()) if shared else 0
    yield
    if shared:
        print(shared.log()[start:][-8000:])


def trips_per_second(server):
    """How fast the model `slow` runs here: measured, because machines differ."""
    trips = 2000
    while True:
        start = time.monotonic()
        answer = server.infer("slow", [tensor("trips", "INT64", [trips])])
        took = time.monotonic() - start
        assert answer.status == 200, answer.body
        if took > 0.1:
            return trips / took
        trips *= 4


@pytest.fixture
def slow_input():
    """slow_input(server, seconds): an input that keeps the model `slow` busy for about so long."""
    speeds = {}

    def make(server, seconds):
        if server.pid not in speeds:
            speeds[server.pid] = trips_per_second(server)
        return tensor("trips", "INT64", [int(speeds[server.pid] * seconds)])

    return make


@pytest.fixture
def unused_port():
    """For programs that cannot choose a port themselves."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
