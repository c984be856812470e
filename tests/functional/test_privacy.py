"""What the server must not do on its own: report its use to anybody, or write where nobody asked it to."""
import pathlib

import pytest

from server import model, wait_for


def open_sockets(pid):
    """(local port, remote port) of the process's own TCP sockets over IPv4 and IPv6."""
    own = set()
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            own.add(str(link.readlink()))
        except OSError:
            pass
    found = set()
    for family in ("tcp", "tcp6", "udp", "udp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in own:
                found.add(tuple(int(fields[i].rsplit(":", 1)[1], 16) for i in (1, 2)))
    return found


@pytest.mark.parametrize("given", [{}, {"ORT_DISABLE_TELEMETRY": "0"}], ids=["plain", "asked for"])
def test_nothing_is_sent_and_nothing_written_to_the_home_folder(serve, tmp_path, given):
    home = tmp_path / "home"
    home.mkdir()
    folders = {name: str(home) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR")}
    server = serve(model("vector"), environment={**folders, **given})
    own = {server.http_port, server.grpc_port}
    for _ in range(20):
        server.check_serving()
        assert {pair for pair in open_sockets(server.pid) if pair[0] not in own} == set()
    assert [str(path) for path in home.rglob("*")] == []
    server.stop()
    wait_for(lambda: server.process.poll() is not None, 10, "its end")
    assert [str(path) for path in home.rglob("*")] == []
