"""The example that `./dev quickstart` runs, and the command line around it."""
import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from server import BINARY, QUICKSTART, ROOT


@pytest.fixture(scope="module")
def output(server):
    run = subprocess.run([sys.executable, QUICKSTART / "client.py", "--http", server.http, "--grpc", server.grpc],
                         capture_output=True, text=True, timeout=50)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_accuracy_is_that_of_the_models(output):
    accuracies = re.findall(r"(REST V1|REST V2|gRPC) +accuracy ([\d.]+)", output)
    assert [way for way, _ in accuracies] == ["REST V1", "REST V2", "gRPC"] * 2
    assert {accuracy for _, accuracy in accuracies[:3]} == {"0.9766"}
    assert {accuracy for _, accuracy in accuracies[3:]} == {"0.9852"}


def test_the_curl_command_that_it_prints_works(output):
    command = shlex.split(re.search(r"^ +(curl .*)$", output, re.M)[1])
    answer = subprocess.run([*command, "-sS", "--fail"], capture_output=True, text=True, timeout=20)
    assert answer.returncode == 0, answer.stderr
    assert re.fullmatch(r'\{"predictions": ?\[0\.\d+\]\}', answer.stdout.strip())


def test_it_fails_when_the_answers_are_wrong(server, tmp_path):
    """With all labels turned round, the same answers must fail."""
    shutil.copytree(QUICKSTART, tmp_path / "copy")
    file = tmp_path / "copy" / "data" / "breast-cancer.json"
    data = json.loads(file.read_text())
    data["labels"] = [1 - label for label in data["labels"]]
    file.write_text(json.dumps(data))
    client = tmp_path / "copy" / "client.py"
    run = subprocess.run([sys.executable, client, "--http", server.http, "--grpc", server.grpc], capture_output=True,
                         text=True, timeout=50)
    assert run.returncode == 1
    assert "LOWER" in run.stdout


def test_the_example_of_the_readme_prints_what_it_says(serve):
    """The commands as they stand there, but for the port."""
    lines = (ROOT / "README.md").read_text().split("```")[3].strip().splitlines()
    install, command, *requests = lines
    assert install.endswith("triune runtimes install onnx")
    server = serve(*shlex.split(command.removesuffix("&").replace("=examples", f"={ROOT}/examples"))[3:])
    assert len(requests) == 4
    for command, expected in zip(requests[::2], requests[1::2]):
        command = shlex.split(command.removeprefix("$ ").replace("localhost:8080", server.http))
        answer = subprocess.run([*command, "-sS", "--fail"], capture_output=True, text=True, timeout=20)
        assert answer.returncode == 0, answer.stderr
        # Other processors add up in another order.
        assert_close(json.loads(answer.stdout), json.loads(expected))


def assert_close(left, right):
    if isinstance(left, (list, dict)):
        assert type(left) is type(right) and len(left) == len(right)
        for key in left if isinstance(left, dict) else range(len(left)):
            assert_close(left[key], right[key])
    else:
        assert left == (pytest.approx(right, rel=1e-3) if isinstance(right, float) else right)


def test_the_models_are_small():
    for file in (QUICKSTART / "models").rglob("model.*"):
        assert file.stat().st_size < 300_000, file


def run(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("argument", ["version", "--version"])
def test_version(argument):
    ended = run(argument)
    assert ended.returncode == 0 and re.fullmatch(r"triune \d+\.\d+\.\d+\n", ended.stdout)


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["runtimes", "--help"], ["help"],
                                       ["help", "serve"], ["help", "runtimes", "install"]])
def test_help(arguments):
    ended = run(*arguments)
    assert ended.returncode == 0
    assert "usage" in ended.stdout.lower()


def test_help_of_serve_names_every_flag():
    text = run("serve", "--help").stdout
    for flag in ("http-port grpc-port address http-threads grpc-threads enable-grpc model-name model-dir namespace "
                 "strict pvc runtime-path parameter max-header-bytes max-body-bytes max-buffered-bytes max-connections "
                 "read-timeout idle-timeout write-timeout request-timeout nthread "
                 "max-inflight-per-model drain-timeout gzip-level log-level log-format "
                 "access-log ports-file busy-poll-us").split():
        assert f"--{flag}" in text, flag


def test_runtimes_says_once_where_it_looked(tmp_path):
    """A machine on which nothing is installed."""
    environment = {"PATH": "/nowhere", "XDG_DATA_HOME": str(tmp_path), "TRIUNE_RUNTIME_PATH": str(tmp_path / "mine")}
    ended = subprocess.run([BINARY, "runtimes"], capture_output=True, text=True, timeout=20, env=environment)
    assert ended.returncode == 0
    assert ended.stdout.count(str(tmp_path / "mine")) == 1
    assert "triune runtimes install onnx" in ended.stdout and "triune runtimes install xgboost" in ended.stdout


@pytest.mark.parametrize("arguments", [["no-such-command"], ["serve", "--no-such-flag"], ["serve"]])
def test_usage_errors_end_with_status_2(arguments):
    ended = run(*arguments)
    assert ended.returncode == 2
    assert ended.stderr


def test_dev_help_lists_the_verbs():
    text = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, timeout=20).stdout
    for verb in "setup quickstart build test bench format lint sanitize fuzz".split():
        assert re.search(rf"^  {verb}\b", text, re.M), verb
