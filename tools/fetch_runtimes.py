#!/usr/bin/env python3
"""Unpacks the runtimes of deps/runtimes.json below a folder: DEST/NAME/VERSION/ holds the contents of the wheel.

    fetch_runtimes.py DEST CACHE

CACHE keeps the downloaded wheels for the next clone. A wheel is unpacked only after its SHA-256 was found right, and
appears under its final name only when it is complete.
"""
import hashlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile

LIST = pathlib.Path(__file__).resolve().parent.parent / "deps" / "runtimes.json"


def wheel_of(runtime):
    """The wheel for this machine, or an error that lists those there are."""
    machine = f"linux-{platform.machine()}"
    for wheel in runtime["wheels"]:
        if wheel["platform"] == machine:
            return wheel
    known = ", ".join(wheel["platform"] for wheel in runtime["wheels"])
    sys.exit(f"{runtime['name']}: no wheel for {machine}, only for {known}")


def checked(path, expected):
    """True when the file is there and is what the list says; a wrong file is an error, never replaced silently."""
    if not path.exists():
        return False
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        sys.exit(f"{path}: SHA-256 is {found}, expected {expected}; delete the file and try again")
    return True


def download(runtime, wheel, cache):
    # The wheel's own tags (name-version-python-abi-platform), not those of the Python that runs this.
    _, _, python, abi, platform_tag = wheel["file"].removesuffix(".whl").split("-")
    tags = [option for tag in platform_tag.split(".") for option in ("--platform", tag)]
    version = ["--python-version", python[2:]] if python != "py3" else []
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", cache,
         "--implementation", python[:2], "--abi", abi, *version, *tags,
         f"{runtime['package']}=={runtime['version']}"], check=True)


def main():
    destination, cache = (pathlib.Path(argument) for argument in sys.argv[1:3])
    cache.mkdir(parents=True, exist_ok=True)
    for runtime in json.loads(LIST.read_text())["runtimes"]:
        folder = destination / runtime["name"] / runtime["version"]
        if folder.exists():
            continue
        wheel = wheel_of(runtime)
        file = cache / wheel["file"]
        if not checked(file, wheel["sha256"]):
            download(runtime, wheel, cache)
            if not checked(file, wheel["sha256"]):
                sys.exit(f"pip brought no {wheel['file']}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = pathlib.Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
        try:
            with zipfile.ZipFile(file) as archive:
                archive.extractall(part)
            os.chmod(part, 0o755)
            part.rename(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        print(f"{runtime['name']} {runtime['version']}: unpacked to {folder}")


if __name__ == "__main__":
    main()
