"""One running `triune serve`, for the tests."""
import dataclasses
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("TRIUNE_BIN") or str(ROOT / "build/release/bin/triune")
MODELS = pathlib.Path(__file__).resolve().parent / "models"
QUICKSTART = ROOT / "examples" / "quickstart"
RUNTIMES = ROOT / ".deps" / "runtimes"
START_SECONDS = 30


@dataclasses.dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The message of an error answer, which is exactly {"error": "..."}."""
        assert list(self.json) == ["error"], self.body
        assert isinstance(self.json["error"], str) and self.json["error"]
        return self.json["error"]


def model(name):
    """The argument that serves a model of models/ under its own name."""
    return f"{name}={MODELS / name}"


def tensor(name, datatype, values, shape=None):
    """An input of a V2 JSON request."""
    flat = list(values)
    return {"name": name, "datatype": datatype, "shape": [len(flat)] if shape is None else list(shape), "data": flat}


# A right request to the model `vector`.
BODY = json.dumps({"inputs": [tensor("x", "FP32", [1.5, 2])]}).encode()
INFER = "/v2/models/vector/infer"


def post(body=BODY, headers=b"", path=INFER):
    """The bytes of a request, by default a right one to the model `vector`."""
    return (f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n".encode() + headers +
            b"\r\n" + body)


DTYPES = {"UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64, "INT8": np.int8,
          "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "FP16": np.float16, "FP32": np.float32,
          "FP64": np.float64}


def all_types(**given):
    """All inputs of the model `types`, one element each unless given."""
    inputs = {name: tensor(f"in_{name.lower()}", name, [1]) for name in DTYPES}
    inputs["BOOL"] = tensor("in_bool", "BOOL", [True])
    inputs["BYTES"] = tensor("in_bytes", "BYTES", ["a"])
    for name, values in given.items():
        inputs[name] = tensor(f"in_{name.lower()}", name, values)
    return list(inputs.values())


def wait_for(condition, seconds, what):
    """Polls; what happens in another process has no event to wait on."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.005)


class Server:
    """Started by the constructor; `stop` ends it. Ports are free ones that the server chose itself."""

    def __init__(self, folder, arguments, wait_ready=True, ports=("--http-port", "0", "--grpc-port", "0"),
                 runtimes=RUNTIMES, environment=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / "server.log"
        self.expected_status = (0,)
        ports_file = folder / "ports.json"
        command = [BINARY, "serve", *map(str, arguments), *ports, "--ports-file", str(ports_file),
                   "--runtime-path", str(runtimes)]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            cwd=folder, env={**os.environ, **(environment or {})})
        try:
            wait_for(lambda: self._read_ports(ports_file), START_SECONDS, "listening")
            if wait_ready:
                wait_for(self._ready_or_dead, START_SECONDS, "ready")
        except BaseException:
            self.kill()
            print(self.log())
            raise

    def _read_ports(self, file):
        assert self.process.poll() is None, f"ended with status {self.process.returncode}:\n{self.log()}"
        try:
            ports = json.loads(file.read_text())
        except (FileNotFoundError, ValueError):
            return False
        self.http_port, self.grpc_port, self.pid = ports["http"], ports["grpc"], ports["pid"]
        assert self.pid == self.process.pid
        return True

    def _ready_or_dead(self):
        assert self.process.poll() is None, f"ended with status {self.process.returncode}:\n{self.log()}"
        return self.get("/v2/health/ready").status == 200

    @property
    def http(self):
        return f"127.0.0.1:{self.http_port}"

    @property
    def grpc(self):
        return f"127.0.0.1:{self.grpc_port}"

    def log(self):
        return self.log_path.read_text(errors="replace")

    def request(self, method, path, body=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def post(self, path, body, headers=None, timeout=30):
        """`body`: bytes or text as they are, anything else as JSON."""
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        return self.request("POST", path, body, headers or {"Content-Type": "application/json"}, timeout)

    def infer(self, name, inputs, headers=None, timeout=30, **rest):
        """A V2 JSON request."""
        return self.post(f"/v2/models/{name}/infer", {"inputs": inputs, **rest}, headers, timeout)

    def connect(self, timeout=10):
        """A plain TCP connection to the HTTP port."""
        return socket.create_connection(("127.0.0.1", self.http_port), timeout=timeout)

    def check_serving(self, name="vector"):
        """The next request is served, whatever came before."""
        assert self.process.poll() is None, f"ended with status {self.process.returncode}:\n{self.log()}"
        answer = self.infer(name, [tensor("x", "FP32", [1.5, -2])])
        assert answer.status == 200, answer.body
        assert answer.json["outputs"][0]["data"] == [1.5, -2]

    def rss_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, seconds=40):
        """The exit status; negative: the signal that ended it."""
        return self.process.wait(seconds)

    def stop(self):
        if self.process.poll() is None:
            self.signal()
        return self.wait()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def read_response(stream, head=False):
    """One HTTP response off a file made of a socket: Answer, or None at the end of the stream."""
    line = stream.readline()
    if not line:
        return None
    status = int(line.split()[1])
    headers = http.client.parse_headers(stream)
    if head or status < 200 or status == 204:
        return Answer(status, headers, b"")
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        body = b""
        while size := int(stream.readline().split(b";")[0], 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
        return Answer(status, headers, body)
    return Answer(status, headers, stream.read(int(headers.get("Content-Length", 0))))


def exchange(server, data, timeout=10):
    """Sends bytes on a connection of their own and returns the first response, or None when there is none."""
    with server.connect(timeout) as connection:
        connection.sendall(data)
        with connection.makefile("rb") as stream:
            return read_response(stream)


def bits(array):
    """The bytes of an array, to compare to the last bit (NaN too)."""
    return np.ascontiguousarray(array).tobytes()
