#!/usr/bin/env python3
"""Fails on an include that points the wrong way.

    check_layers.py ROOT

The allowed direction is what src/*/CMakeLists.txt says: `triune_library(server DEPS base data ...)` lets server/
include base/, data/ and what those may include. Besides:
 - include/triune/ includes nothing of src/;
 - src/adapters/runtimes/ (plug-ins) includes nothing but its own files, include/triune/ and base/, of which each
   plug-in has a copy of its own;
 - nothing links or includes adapters but app;
 - gRPC, protobuf and HTTP (Boost.Beast, Boost.Asio) are included only in server and adapters;
 - a folder of src/ includes its own files by their full path below src/.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
LIBRARY = re.compile(r"triune_library\s*\(\s*(\w+)([^)]*)\)")
WIRE = re.compile(r"^(grpc|grpcpp|grpc\+\+|google/protobuf|boost/(beast|asio))(/|\.)|\.(grpc\.)?pb\.h$")
WIRE_FOLDERS = {"server", "adapters"}
PLUGIN_FOLDERS = {"adapters", "base"}
SOURCES = {".h", ".hpp", ".cc", ".cpp", ".c", ".inc"}
# Of triune_library; a word in capitals ends the list of DEPS.
KEYWORDS = {"SOURCES", "DEPS", "PRIVATE_DEPS"}


def without_comments(cmake):
    return re.sub(r"#.*", "", cmake)


def declared_deps(root):
    """{library: (CMakeLists.txt, [libraries it names])} of src/*/CMakeLists.txt."""
    declared = {}
    for file in sorted((root / "src").glob("*/CMakeLists.txt")):
        for name, arguments in LIBRARY.findall(without_comments(file.read_text())):
            words, wanted, deps = arguments.split(), False, []
            for word in words:
                if word in KEYWORDS:
                    wanted = word != "SOURCES"
                elif wanted:
                    deps.append(word.removeprefix("triune_"))
            declared[name] = (file, deps)
    return declared


def reachable(declared, name):
    """What `name` may include: itself and the libraries it names, and theirs."""
    seen, left = set(), [name]
    while left:
        current = left.pop()
        if current in seen or current not in declared:
            continue
        seen.add(current)
        left += declared[current][1]
    return seen


def includes(file):
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def graph_errors(root, declared):
    for name, (file, deps) in declared.items():
        where = file.relative_to(root)
        for dep in deps:
            if dep == "adapters" and name != "app":
                yield f"{where}: {name} links adapters; only app may"
            if dep in declared and dep != name and name in reachable(declared, dep):
                yield f"{where}: {name} and {dep} depend on each other"


def source_errors(root, declared):
    source = root / "src"
    folders = {folder.name for folder in source.iterdir() if folder.is_dir()}
    for file in sorted(path for path in source.rglob("*") if path.suffix in SOURCES):
        parts = file.relative_to(source).parts
        layer = parts[0] if len(parts) > 1 else "app"
        plugin = parts[:2] == ("adapters", "runtimes") and not file.stem.endswith("_test")
        allowed = folders if layer in ("app", "adapters") else reachable(declared, layer) | {layer}
        for number, quoted, path in includes(file):
            where = f"{file.relative_to(root)}:{number}"
            target = path.split("/")[0]
            if WIRE.search(path) and layer not in WIRE_FOLDERS:
                yield f"{where}: {layer} includes <{path}>; gRPC, protobuf and HTTP belong in server and adapters"
            elif plugin and quoted and target not in PLUGIN_FOLDERS and not path.startswith("triune/"):
                yield f"{where}: a plug-in includes \"{path}\"; it may see only include/triune and base"
            elif plugin and path.startswith("triune/") and not (root / "include" / path).exists():
                yield f"{where}: there is no include/{path}"
            elif quoted and target == "adapters" and layer not in ("adapters", "app"):
                yield f"{where}: {layer} includes \"{path}\"; only app may see adapters"
            elif quoted and target in folders and target not in allowed:
                may = ", ".join(sorted(allowed - {layer})) or "nothing"
                yield f"{where}: {layer} includes \"{path}\", but may use only: {may}"
            elif not quoted and (source / path).is_file():
                yield f"{where}: <{path}> is ours; write \"{path}\""
            elif quoted and "/" not in path and (file.parent / path).is_file():
                yield f"{where}: write \"{'/'.join(parts[:-1])}/{path}\""
            elif ".." in path.split("/"):
                yield f"{where}: \"{path}\" leaves its folder; write the path below src/"


def public_errors(root):
    source = root / "src"
    for file in sorted((root / "include").rglob("*.h")):
        for number, quoted, path in includes(file):
            if (source / path).is_file() or WIRE.search(path) or (quoted and not path.startswith("triune/")):
                yield f"{file.relative_to(root)}:{number}: a public header includes \"{path}\""


def check(root):
    declared = declared_deps(root)
    if not declared:
        return [f"no triune_library in {root}/src/*/CMakeLists.txt"]
    return [*graph_errors(root, declared), *source_errors(root, declared), *public_errors(root)]


if __name__ == "__main__":
    errors = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    print("\n".join(errors) if errors else "layers: every include points the right way")
    sys.exit(bool(errors))
