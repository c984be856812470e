"""What `triune serve` can be started with: manifests, names and paths, KServe's own flags."""
import re
import shutil
import subprocess

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


def test_the_same_name_twice_is_an_error(tmp_path):
    first = manifest(tmp_path)
    copy = tmp_path / "copy.yaml"
    copy.write_text(first.read_text())
    assert "vector" in refused(tmp_path)


@pytest.mark.parametrize("arguments", [["--no-such-flag"], ["--http-port", "many", "a=b"],
                                       ["--http-port", "70000", "a=b"]])
def test_a_usage_error_ends_with_status_2(arguments):
    ended = run("serve", *arguments)
    assert ended.returncode == 2, ended
    assert arguments[0] in ended.stderr


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
