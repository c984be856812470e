"""What must be there before something can be measured: the programs, and other people's packages."""
import os
import subprocess
import sys

from report import build_settings


def build(root, folder, target):
    """Builds a target of CMakeLists.txt beside this file. Returns the settings of the build."""
    subprocess.run(["cmake", "-S", root, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                    "-DTRIUNE_BENCH=ON", "-DTRIUNE_TESTS=OFF"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", folder, "--target", target], check=True, stdout=sys.stderr)
    return build_settings(folder)


def environment(folder, requirements):
    """A Python environment, made the first time and when the requirements change: FOLDER/NAME from .../NAME.txt."""
    name = os.path.splitext(os.path.basename(requirements))[0]
    venv, stamp = f"{folder}/{name}", f"{folder}/{name}/.done"
    with open(requirements) as file:
        wanted = file.read()
    if not os.path.exists(stamp) or open(stamp).read() != wanted:
        print(f"installing {name}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([f"{venv}/bin/python", "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
        with open(stamp, "w") as file:
            file.write(wanted)
    return venv
