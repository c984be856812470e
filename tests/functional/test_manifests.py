"""What `triune serve` can be started with: manifests, names and paths, KServe's own flags."""
import json
import re
import shutil
import subprocess
import urllib.request

import pytest

from server import BINARY, MODELS, QUICKSTART, RUNTIMES, model, tensor, wait_for

MANIFEST = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
spec:
  predictor:
    model:
      modelFormat:
        name: {format}
      storageUri: {uri}
"""


def manifest(folder, name="vector", format="onnx", uri=None, text=MANIFEST):
    file = folder / f"{name}.yaml"
    file.write_text(text.format(name=name, format=format, uri=uri or f"file://{MODELS / name}"))
    return file


def run(*arguments, seconds=20, cwd=None):
    """A start that is expected to end by itself."""
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=seconds, cwd=cwd)


def refused(*arguments):
    ended = run("serve", *arguments, "--http-port", 0, "--grpc-port", 0, "--runtime-path", RUNTIMES)
    assert ended.returncode in (1, 2), ended
    return ended.stderr


def test_the_quickstart_folder(serve):
    server = serve(QUICKSTART)
    assert sorted(server.get("/v1/models").json["models"]) == ["breast-cancer", "digits"]


def test_one_manifest(serve, tmp_path):
    serve(manifest(tmp_path)).check_serving()


def test_a_renamed_model_belongs_to_its_service(serve, tmp_path):
    text = MANIFEST + "      args: [--model_name=renamed]\n"
    server = serve(manifest(tmp_path, text=text))
    prefix = "/serving/default/vector"
    assert server.get(f"{prefix}/v1/models").json == {"models": ["renamed"]}
    assert server.get(f"{prefix}/v1/models/renamed").json == {"name": "renamed", "ready": True}
    assert server.get("/serving/default/renamed/v1/models/renamed").status == 404
    assert server.get("/serving/default/renamed/v1/models").json == {"models": []}


def test_a_ports_file_that_is_no_plain_file_is_left_alone(tmp_path):
    (tmp_path / "folder").mkdir()
    said = refused(model("vector"), "--ports-file", tmp_path / "folder")
    assert "--ports-file" in said and "not a plain file" in said


def test_a_relative_storage_uri_is_relative_to_the_manifest(serve, tmp_path):
    (tmp_path / "sub").mkdir()
    shutil.copytree(MODELS / "vector", tmp_path / "sub" / "files")
    serve(manifest(tmp_path / "sub", uri="files")).check_serving()


def test_pvc_is_mapped_by_a_flag(serve, tmp_path):
    file = manifest(tmp_path, uri="pvc://claim/vector")
    serve(file, "--pvc", f"claim={MODELS}").check_serving()


def test_a_pvc_cannot_be_left(serve, tmp_path):
    (tmp_path / "claim").mkdir()
    (tmp_path / "claim" / "link").symlink_to(MODELS)
    server = serve(manifest(tmp_path, "up", uri="pvc://claim/../secret"),
                   manifest(tmp_path, "link", uri="pvc://claim/link/vector"),
                   "--pvc", f"claim={tmp_path / 'claim'}", wait_ready=False)
    for name in ("up", "link"):
        wait_for(lambda: "claim" in server.get(f"/v2/models/{name}/ready").body.decode(), 10, "the reason")
        assert server.get(f"/v2/models/{name}/ready").status == 503


LEGACY = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
spec:
  predictor:
    {format}:
      storageUri: {uri}
"""


def test_the_legacy_form(serve, tmp_path):
    serve(manifest(tmp_path, text=LEGACY)).check_serving()


def test_several_documents_and_kinds_that_are_skipped(serve, tmp_path):
    first = manifest(tmp_path).read_text()
    other = first.replace("name: vector", "name: other", 1)
    file = tmp_path / "all.yaml"
    file.write_text(f"{first}---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n---\n{other}")
    (tmp_path / "vector.yaml").unlink()
    server = serve(file)
    assert sorted(server.get("/v1/models").json["models"]) == ["other", "vector"]
    assert "Secret" in server.log()


@pytest.mark.parametrize("flags", [["--model_name=iris", "--model_dir={dir}"],
                                   ["--model-name", "iris", "--model-dir", "{dir}"]])
def test_the_flags_that_kserve_gives_its_runtimes(serve, tmp_path, flags):
    server = serve(*(flag.format(dir=MODELS / "vector") for flag in flags), "--enable_grpc=true",
                   ports=("--http_port=0", "--grpc_port=0"))
    server.check_serving("iris")


def test_names_with_paths(serve):
    server = serve(f"one={MODELS / 'vector' / 'model.onnx'}", f"two=file://{MODELS / 'vector'}")
    server.check_serving("one")
    server.check_serving("two")


def test_a_flag_takes_one_value_and_leaves_the_models_behind_it_alone(tmp_path):
    ended = run("serve", "--http-port", 0, "--grpc-port", 0, "--pvc", f"a={tmp_path}", "--runtime-path", RUNTIMES,
                tmp_path / "not-there.yaml")
    assert "not-there.yaml" in ended.stderr


def test_grpc_can_be_left_out(serve):
    server = serve(model("vector"), "--enable-grpc=false")
    server.check_serving()
    assert not server.grpc_port


@pytest.mark.parametrize("text, line, said", [
    (MANIFEST.replace("      storageUri: {uri}\n", ""), "", "storageUri"),
    (MANIFEST.replace("kind: InferenceService", "kind: [InferenceService]"), ":2", "kind"),
    (MANIFEST.replace("v1beta1", "v1beta9"), ":1", "v1beta1"),
    (MANIFEST.replace("name: {name}", "name: Not_A_Name"), ":4", "metadata.name"),
    (MANIFEST.replace("storageUri: {uri}", "storageUri: {{a: b}}"), ":10", "spec.predictor.model.storageUri"),
    (MANIFEST + "      args: 5\n", ":11", "spec.predictor.model.args"),
    (MANIFEST + "   bad indent: [\n", ":", "yaml"),
    (MANIFEST + "      timeout 5\n", ":11", "timeout 5"),
    (MANIFEST + "      args: [--ssl_certfile=/tls.crt]\n", ":1", "TLS is not there yet"),
    (MANIFEST + "      args: ['--model_name=a b']\n", ":1", "'a b'"),
])
def test_a_wrong_manifest_is_refused_with_file_line_and_field(tmp_path, text, line, said):
    file = manifest(tmp_path, text=text)
    error = refused(file)
    assert f"{file.name}{line}" in error, error
    assert said.lower() in error.lower(), error


UNKNOWN = MANIFEST + "      storageUrl: x\n"


def test_an_unknown_field_is_a_warning_that_says_what_was_meant(serve, tmp_path):
    server = serve(manifest(tmp_path, text=UNKNOWN))
    server.check_serving()
    assert "spec.predictor.model.storageUrl" in server.log() and "storageUri" in server.log()


def test_strict_makes_it_an_error(tmp_path):
    error = refused("--strict", manifest(tmp_path, text=UNKNOWN))
    assert "vector.yaml:11" in error and "spec.predictor.model.storageUrl" in error


@pytest.mark.parametrize("fields, said", [
    ("      runtimeVersion: '1'\n", "runtimeVersion"),
    ("      protocolVersion: grpc-v1\n", "grpc-v1"),
    ("      env: [{{name: A, value: b}}]\n", "env A"),
    ("      args: [--workers=2]\n", "--workers"),
    ("        version: '1'\n", "modelFormat.version"),
])
def test_what_has_no_effect_is_a_warning_and_with_strict_an_error(serve, tmp_path, fields, said):
    text = MANIFEST.replace("      storageUri", f"{fields}      storageUri")
    file = manifest(tmp_path, text=text)
    server = serve(file)
    server.check_serving()
    assert said in server.log()
    error = refused("--strict", file)
    assert said in error and file.name in error, error


# As KServe's ServingRuntimes and its documentation have them.
KSERVE_FLAGS = ["--nthread=1", "--workers=2", "--max_threads=4", "--max_asyncio_workers=2", "--protocol=v2",
                "--grpc_max_receive_message_length=8388608", "--grpc_max_send_message_length=8388608",
                "--enable_docs_url=true", "--enable_latency_logging=false", "--configure_logging=true",
                "--log_config_file=/x.yaml", "--access_log_format=x", "--event-loop=uvloop", "--timeout-keep-alive=65",
                "--predictor_host=x", "--predictor_protocol=v2", "--predictor_use_ssl=false",
                "--predictor_request_timeout_seconds=9", "--predictor_request_retries=1",
                "--enable_predictor_health_check"]
KSERVE_ACTING = ("--nthread", "--max_threads", "--grpc_max_receive_message_length", "--timeout-keep-alive")


def test_every_flag_of_kserves_servers_is_taken_on_the_command_line(serve):
    given = ["--model_name=vector", f"--model_dir={MODELS / 'vector'}"]
    server = serve(*given, *KSERVE_FLAGS)
    server.check_serving()
    for flag in (flag.partition("=")[0] for flag in KSERVE_FLAGS):
        assert server.log().count(f"flag={flag}\n") == (flag not in KSERVE_ACTING), flag
    assert "--workers" in refused("--strict", *given, "--workers=2")
    assert "TLS is not there yet" in refused(*given, "--ssl_certfile=/tls.crt")


def test_every_flag_of_kserves_servers_is_taken_in_a_manifest(serve, tmp_path):
    args = ", ".join(f"'{flag}'" for flag in ["--http_port=8080", "--model_dir=/mnt/models", *KSERVE_FLAGS])
    serve(manifest(tmp_path, text=MANIFEST + f"      args: [{args}]\n")).check_serving()


def test_the_thread_count_that_kserve_passes_to_xgboost(serve, tmp_path):
    uri = f"file://{QUICKSTART / 'models/breast-cancer'}"
    text = MANIFEST + "      args: [--nthread=2]\n"
    server = serve(manifest(tmp_path, "trees", "xgboost", uri, text), f"more={uri}", "--nthread=1")
    assert sorted(server.get("/v1/models").json["models"]) == ["more", "trees"]
    assert "effect" not in server.log()


def test_a_model_alone_is_named_after_its_file_or_folder(serve, tmp_path):
    shutil.copy(MODELS / "vector" / "model.onnx", tmp_path / "iris.onnx")
    shutil.copytree(MODELS / "vector", tmp_path / "rose")
    server = serve(tmp_path / "iris.onnx", f"file://{tmp_path}/rose/model.onnx", f"file://{MODELS / 'pair'}")
    assert sorted(server.get("/v1/models").json["models"]) == ["iris", "pair", "rose"]
    server.check_serving("iris")
    server.check_serving("rose")


def test_a_uri_alone_that_cannot_be_served(tmp_path):
    assert "scheme of the model URI is not supported yet: got s3" in refused("s3://bucket/iris")
    missing = refused(tmp_path / "model.onnx")
    assert "no such file" in missing and "manifest" not in missing


@pytest.mark.parametrize("name", ["a b", "a:b"])
def test_a_name_that_no_path_can_carry(name):
    error = refused(f"{name}={MODELS / 'vector'}")
    assert f"'{name}'" in error and "paths" in error


def test_a_folder_of_several_models_is_refused(serve, tmp_path):
    for name in ("a.onnx", "b.onnx"):
        shutil.copy(MODELS / "vector" / "model.onnx", tmp_path / name)
    server = serve(f"vector={tmp_path}", wait_ready=False)
    reason = failing(server, "vector")
    assert "more than one model file" in reason and "a.onnx" in reason and "b.onnx" in reason
    wait_for(lambda: "1 of 1 model failed to load; not ready" in server.log(), 10, "the last word")


def test_the_last_line_says_how_many_models_failed(serve, tmp_path):
    server = serve(model("vector"), f"missing={tmp_path / 'nowhere'}", wait_ready=False)
    wait_for(lambda: "1 of 2 models failed to load; not ready" in server.log(), 20, "the last word")
    server.check_serving()


def test_it_goes_on_when_nobody_reads_its_log(tmp_path):
    ports = tmp_path / "ports.json"
    process = subprocess.Popen([BINARY, "serve", model("vector"), "--http-port=0", "--grpc-port=0", "--access-log",
                                f"--ports-file={ports}", "--runtime-path", RUNTIMES], stderr=subprocess.PIPE)
    try:
        process.stderr.readline()
        process.stderr.close()  # as `2>&1 | head -1` does
        port = json.loads(wait_for(lambda: ports.exists() and ports.read_text(), 20, "the ports"))["http"]
        for _ in range(3):  # each writes a line to the log
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/live", timeout=10) as answer:
                assert answer.status == 200
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_the_same_name_twice_is_an_error(tmp_path):
    first = manifest(tmp_path)
    copy = tmp_path / "copy.yaml"
    copy.write_text(first.read_text())
    assert "vector" in refused(tmp_path)


@pytest.mark.parametrize("arguments, said", [
    (["--no_such_flag"], "--no_such_flag"),
    (["--http_port", "many", "a=b"], "--http_port: want a whole number from 0 to 65535, got 'many'"),
    (["--http-port", "70000", "a=b"], "--http-port: want a whole number from 0 to 65535, got '70000'"),
    (["--max-connections=0", "a=b"], "--max-connections: want a whole number of at least 1, got '0'"),
    (["--max-body-bytes=0", "a=b"], "--max-body-bytes: want a whole number of at least 1, got '0'"),
])
def test_a_usage_error_ends_with_status_2(arguments, said):
    ended = run("serve", *arguments)
    assert ended.returncode == 2, ended
    assert said in ended.stderr


def test_a_port_that_is_taken_is_said(serve):
    server = serve(model("vector"))
    ended = run("serve", model("vector"), "--http-port", server.http_port, "--grpc-port", 0, "--runtime-path", RUNTIMES)
    assert ended.returncode == 1
    assert str(server.http_port) in ended.stderr


def test_nothing_is_found_at_a_path_that_is_not_there(tmp_path):
    assert "not-there" in refused(tmp_path / "not-there.yaml")


def failing(server, name):
    """The reason why a model is not ready, as V2 and V1 tell it."""
    def reason():
        answer = server.get(f"/v2/models/{name}/ready")
        assert answer.status == 503, answer.body
        return None if re.search("Pending|Loading", answer.error) else answer.error

    found = wait_for(reason, 20, "the model to fail")
    assert server.get(f"/v1/models/{name}").error == found
    return found


CORRUPT = {
    "empty": (b"", "model.onnx"), "junk": (b"\xde\xad\xbe\xef" * 100, "model.onnx"),
    "cut": ((MODELS / "slow" / "model.onnx").read_bytes()[:5000], "model.onnx"),
    "notxgb": (b'{"hello": "world"}', "model.json"),
    "cutxgb": ((QUICKSTART / "models/breast-cancer/model.ubj").read_bytes()[:9000], "model.ubj"),
    "oldxgb": (b"binf" + bytes(300), "model.bst"),
}


def test_models_that_cannot_be_loaded_say_why_and_leave_the_others_alone(serve, tmp_path):
    arguments = [model("vector"), f"missing={tmp_path / 'nowhere'}"]
    for name, (contents, file) in CORRUPT.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_bytes(contents)
        arguments.append(f"{name}={tmp_path / name}")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "README.txt").write_text("no model")
    server = serve(*arguments, f"nothing={tmp_path / 'nothing'}", wait_ready=False)
    wait_for(lambda: server.get("/v2/models/vector/ready").status == 200, 20, "vector to be ready")
    reasons = {name: failing(server, name) for name in [*CORRUPT, "missing", "nothing"]}
    assert "nowhere" in reasons["missing"]
    assert "README.txt" in reasons["nothing"]
    assert "save_model" in reasons["oldxgb"]
    server.check_serving()
    ready = server.get("/v2/health/ready")
    assert ready.status == 503 and ready.json["ready"] is False
    assert server.get("/v2/health/live").status == 200
    answer = server.infer("junk", [tensor("x", "FP32", [1])])
    assert answer.status == 503 and "junk" in answer.error


def test_a_missing_runtime_says_exactly_that(serve, tmp_path):
    """A machine that has no ONNX Runtime anywhere we look."""
    server = serve(model("vector"), wait_ready=False, runtimes=tmp_path / "empty",
                   environment={"XDG_DATA_HOME": str(tmp_path), "VIRTUAL_ENV": str(tmp_path),
                                "TRIUNE_RUNTIME_PATH": ""})
    reason = failing(server, "vector")
    assert "ONNX Runtime" in reason and "triune runtimes install onnx" in reason


def test_model_parameters(serve):
    server = serve(model("vector"), model("pair"), "--parameter", "intra_op_threads=1", "--parameter",
                   "vector.graph_optimization_level=basic")
    server.check_serving()


def test_a_wrong_model_parameter_names_those_there_are(serve):
    server = serve(model("vector"), model("pair"), "--parameter", "vector.speed=fast", wait_ready=False)
    reason = failing(server, "vector")
    assert "speed" in reason and "intra_op_threads" in reason
    wait_for(lambda: server.get("/v2/models/pair/ready").status == 200, 20, "pair to be ready")
