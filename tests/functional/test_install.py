"""`cmake --install` makes a tree that works wherever it is moved."""
import pathlib
import shutil
import subprocess

from server import BINARY, BODY, INFER, RUNTIMES, Server, model


def test_installed_tree_works_after_it_was_moved(tmp_path, monkeypatch):
    build = pathlib.Path(BINARY).parents[1]
    subprocess.run(["cmake", "--install", build, "--prefix", tmp_path / "first"], check=True, stdout=subprocess.DEVNULL)
    shutil.move(tmp_path / "first", tmp_path / "second")
    installed = tmp_path / "second/bin/triune"
    listed = subprocess.run([installed, "runtimes", "--runtime-path", RUNTIMES], check=True, capture_output=True,
                            text=True)
    assert "ready" in listed.stdout and str(RUNTIMES) in listed.stdout
    monkeypatch.setattr("server.BINARY", str(installed))
    server = Server(tmp_path / "server", [model("vector")])
    try:
        assert server.post(INFER, BODY).status == 200
    finally:
        server.stop()
