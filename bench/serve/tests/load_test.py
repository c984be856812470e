"""Whether the load maker can be trusted: it must see a wrong answer, a failed one, a lost connection and a stall.

    load_test.py BENCH_LOAD          runs before every measurement; needs nothing but Python
"""
import json
import os
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zlib
from pathlib import Path

PROGRAM = ""
COUNT = 50
METHOD = "/inference.GRPCInferenceService/ModelInfer"
# What the gRPC floor always answers: ModelInferResponse{model_name, outputs, raw_output_contents}.
FLOOR_ANSWER = b"\x0a\x04iris" + b"\x2a\x14\x0a\x08output-0\x12\x05INT64\x1a\x01\x01" + b"\x32\x08" + bytes(8)


def write_bodies(path, blob, rows):
    """rows: three (offset in blob, length) each."""
    head = 16 + 48 * len(rows)
    with open(path, "wb") as file:
        file.write(b"TRNBODY1" + struct.pack("<Q", len(rows)))
        file.writelines(struct.pack("<QQ", head + start, size) for row in rows for start, size in row)
        file.write(blob)


def write_expectations(path, answers):
    with open(path, "wb") as file:
        file.write(b"TRNEXPC1" + struct.pack("<Q", len(answers)))
        file.writelines(struct.pack("<QQ", len(answer), zlib.crc32(answer)) for answer in answers)


def answer_to(body):
    """What the server of this test must answer."""
    return b"<" + body[::-1] + b">"


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline()) != b"\r\n":
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            body = self.rfile.read(length)
            with self.server.lock:
                self.server.requests.append((line, body))
                number = len(self.server.requests)
            status, answer = self.server.behave(number, body)
            if status is None:
                return
            if self.server.chunk_bytes:
                self.send_chunks(status, answer, self.server.chunk_bytes)
                continue
            self.wfile.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(answer)) + answer)

    def send_chunks(self, status, answer, size):
        """Each chunk in a packet of its own, and the head of the next one cut in the middle."""
        rest = b"HTTP/1.1 %d X\r\nTransfer-Encoding: chunked\r\n\r\n" % status
        for start in range(0, len(answer), size):
            chunk = answer[start:start + size]
            rest += b"%x;note=1\r\n" % len(chunk) + chunk + b"\r\n"
            self.wfile.write(rest[:-1])
            rest = rest[-1:]
        self.wfile.write(rest + b"0\r\n\r\n")


class HttpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True

    def __init__(self, behave, chunk_bytes=0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave, self.chunk_bytes, self.lock, self.requests = behave, chunk_bytes, threading.Lock(), []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """The load maker leaves without saying goodbye; that is no error here."""

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class LoadMakerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bodies, self.expect = f"{folder.name}/bodies", f"{folder.name}/expect"
        # Three pieces each, of which the middle one overlaps with that of the next body.
        blob = bytes(range(256)) * 8
        rows = [[(0, 3), (40 + i, 1000), (5, 2)] for i in range(COUNT)]
        self.expected = [b"".join(blob[start:start + size] for start, size in row) for row in rows]
        write_bodies(self.bodies, blob, rows)
        write_expectations(self.expect, [answer_to(body) for body in self.expected])

    def run_program(self, server, *more):
        return subprocess.run([PROGRAM, "http", f"--port={server.server_address[1]}", "--path=/x",
                               f"--bodies={self.bodies}", *more], capture_output=True, timeout=60)

    def load(self, behave, *more, chunk_bytes=0):
        with HttpServer(behave, chunk_bytes) as server:
            done = self.run_program(server, "--connections=4", "--seconds=0.5", "--warm-up=0.1", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout), server.requests

    def test_sends_every_body_in_turn_and_counts_what_it_sent(self):
        result, requests = self.load(lambda number, body: (200, answer_to(body)), f"--expect={self.expect}")
        self.assertEqual(result["sent"], len(requests))
        self.assertEqual((result["failed"], result["mismatched"]), (0, 0))
        self.assertEqual(result["checked"], result["sent"])
        self.assertGreater(result["sent"], 2 * COUNT)
        self.assertEqual({line for line, _ in requests}, {b"POST /x HTTP/1.1\r\n"})
        self.assertEqual({body for _, body in requests}, set(self.expected))
        for body in self.expected:
            self.assertAlmostEqual(sum(b == body for _, b in requests), len(requests) / COUNT, delta=5)

    def test_understands_chunked_answers(self):
        result, _ = self.load(lambda number, body: (200, answer_to(body)), f"--expect={self.expect}", chunk_bytes=300)
        self.assertEqual((result["failed"], result["mismatched"]), (0, 0), result["first_error"])
        self.assertEqual(result["checked"], result["sent"])
        self.assertGreater(result["sent"], COUNT)

    def test_sees_one_wrong_byte(self):
        wrong = self.expected[7]
        result, requests = self.load(
            lambda number, body: (200, answer_to(body)[:-1] + (b"!" if body == wrong else b">")),
            f"--expect={self.expect}")
        self.assertEqual(result["mismatched"], sum(body == wrong for _, body in requests))
        self.assertGreater(result["mismatched"], 0)
        self.assertIn("body 7:", result["first_error"])

    def test_sees_the_right_answer_to_another_request(self):
        result, _ = self.load(lambda number, body: (200, answer_to(self.expected[0])), f"--expect={self.expect}")
        self.assertGreaterEqual(result["mismatched"], result["checked"] * 0.9)

    def test_counts_failures(self):
        result, requests = self.load(lambda number, body: (200 if number % 10 else 503, answer_to(body)))
        self.assertEqual(result["failed"], len(requests) // 10)
        self.assertIn("503", result["first_error"])

    def test_a_lost_connection_ends_the_run_with_an_error(self):
        with HttpServer(lambda number, body: (None if number == 30 else 200, answer_to(body))) as server:
            done = self.run_program(server, "--connections=4", "--seconds=0.5")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"closed the connection", done.stderr)

    def test_open_loop_keeps_its_rate_and_charges_a_stall_to_all_that_were_due(self):
        def behave(number, body):
            if number == 60:
                with server_is_stalled:
                    time.sleep(0.2)
            with server_is_stalled:
                return 200, answer_to(body)

        server_is_stalled = threading.Lock()
        result, requests = self.load(behave, "--rate=200")
        # 0.6 seconds at 200 per second, none dropped.
        self.assertEqual(len(requests), 120)
        self.assertAlmostEqual(result["rps"], 200, delta=3)
        # About 40 of the 100 measured were due during the stall; a closed loop would have seen 4 slow ones.
        self.assertGreater(result["p90_us"], 50_000)
        self.assertLess(result["p50_us"], 50_000)
        self.assertGreater(result["max_us"], 150_000)

    def test_capture_hands_out_every_answer_in_order(self):
        with HttpServer(lambda number, body: (200 if number != 3 else 400, answer_to(body))) as server:
            done = self.run_program(server, "--capture")
        self.assertEqual(done.returncode, 0, done.stderr)
        rest, answers = done.stdout, []
        while rest:
            index, ok, head, size = struct.unpack_from("<4I", rest)
            answers.append((index, ok, rest[16 + head:16 + head + size]))
            self.assertTrue(rest[16:].startswith(b"HTTP/1.1 "))
            rest = rest[16 + head + size:]
        self.assertEqual(answers, [(i, int(i != 2), answer_to(body)) for i, body in enumerate(self.expected)])

    def test_refuses_files_that_end_early(self):
        data = Path(self.bodies).read_bytes()
        Path(self.bodies).write_bytes(data[:len(data) - 1900])
        with HttpServer(lambda number, body: (200, b"")) as server:
            done = self.run_program(server)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"file ends early", done.stderr)


class GrpcLoadMakerTest(unittest.TestCase):
    """Against the gRPC floor, a server that real clients can talk to."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bodies, self.expect = f"{folder.name}/bodies", f"{folder.name}/expect"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        floor = subprocess.Popen([f"{os.path.dirname(PROGRAM)}/bench_floor_grpc", str(self.port)])
        self.addCleanup(lambda: (floor.kill(), floor.wait()))
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        self.fail("the floor does not listen")

    def load(self, raw_bytes, answers, path=METHOD):
        """Two bodies: model_name, and a raw tensor of `raw_bytes` bytes."""
        size, length = raw_bytes, b""
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        blob = b"\x0a\x04iris\x3a" + length + bytes([size]) + bytes(raw_bytes + 1)
        head = len(blob) - raw_bytes - 1
        write_bodies(self.bodies, blob, [[(0, head), (head + i, raw_bytes), (0, 0)] for i in range(2)])
        write_expectations(self.expect, answers)
        done = subprocess.run([PROGRAM, "grpc", f"--port={self.port}", f"--path={path}", f"--bodies={self.bodies}",
                               f"--expect={self.expect}", "--connections=4", "--seconds=0.3", "--warm-up=0.1"],
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_small_and_large_messages_arrive(self):
        for size in (16, 200, 40_000, 602_112, 3_000_000):
            with self.subTest(size=size):
                result = self.load(size, [FLOOR_ANSWER] * 2)
                self.assertEqual((result["failed"], result["mismatched"]), (0, 0), result["first_error"])
                self.assertEqual(result["checked"], result["sent"])
                self.assertGreater(result["sent"], 8)

    def test_sees_wrong_answers(self):
        result = self.load(16, [FLOOR_ANSWER, FLOOR_ANSWER[:-1] + b"\1"])
        self.assertAlmostEqual(result["mismatched"], result["sent"] / 2, delta=1)
        self.assertIn("body 1:", result["first_error"])

    def test_counts_failed_calls(self):
        result = self.load(16, [FLOOR_ANSWER] * 2, METHOD + "Not")
        self.assertEqual(result["failed"], result["sent"])
        self.assertIn("12", result["first_error"])


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
