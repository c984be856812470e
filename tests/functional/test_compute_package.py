"""The compute core as an installed package: its headers, its CMake files, and the examples built against it."""
import collections
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from server import BINARY, QUICKSTART, ROOT

# Compiling takes longer than other tests do, where nothing is in ccache yet.
pytestmark = pytest.mark.timeout(250)

BUILD = pathlib.Path(BINARY).parents[1]
EXAMPLES = ROOT / "examples" / "compute"
DATA = QUICKSTART / "data" / "breast-cancer.json"
DIGITS = QUICKSTART / "data" / "digits.json"
HEADERS = sorted(str(file.relative_to(ROOT / "include")) for file in (ROOT / "include").rglob("*.h"))
THIRD_PARTY = "include/triune/third_party"
WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror".split()
CCACHE = ["ccache"] if shutil.which("ccache") else []


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    return tmp_path_factory.mktemp("outside")


@pytest.fixture(scope="module")
def environment(outside):
    """With paths relative to the folder, ccache knows in it what it has seen in another one."""
    return {**os.environ, "CMAKE_CXX_COMPILER_LAUNCHER": "".join(CCACHE), "CCACHE_BASEDIR": str(outside),
            "CCACHE_NOHASHDIR": "1"}


def run(*command, **options):
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200, **options)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def package(outside):
    """What `cmake --install` makes of the component, moved afterwards."""
    run("cmake", "--install", BUILD, "--component", "development", "--prefix", outside / "first")
    shutil.move(outside / "first", outside / "second")
    return outside / "second"


@pytest.fixture(scope="module")
def built_outside(outside, package, environment):
    """The examples as their own project, away from the tree."""
    shutil.copytree(EXAMPLES, outside / "project")
    build = outside / "project" / "build"
    run("cmake", "-S", outside / "project", "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_PREFIX_PATH={package}", env=environment)
    run("cmake", "--build", build, "--parallel", "2", env=environment)
    return build


@pytest.fixture(params=["of the tree", "built outside"])
def example(request):
    """example(NAME, ARGUMENTS...) -> what the example prints."""
    folder = BUILD / "examples" if request.param == "of the tree" else request.getfixturevalue("built_outside")
    return lambda name, *arguments: run(folder / name, *map(str, arguments))


def test_the_component_is_the_core_only(package):
    assert sorted(file.name for file in package.iterdir()) == ["include", "lib"]
    headers = [str(file.relative_to(package / "include")) for file in package.rglob("*.h")]
    assert sorted(header for header in headers if "third_party" not in header) == HEADERS
    assert (package / THIRD_PARTY / "msgpack.hpp").exists()
    assert [file.name for file in package.rglob("*.a")] == ["libtriune_core.a"]


def test_users_get_no_flags_and_no_paths_of_the_tree(package):
    text = "".join(file.read_text() for file in package.rglob("*.cmake"))
    assert "cxx_std_20" in text
    assert "COMPILE_OPTIONS" not in text and "LINK_OPTIONS" not in text and "COMPILE_DEFINITIONS" not in text
    for folder in (ROOT, BUILD, package.parent):
        assert str(folder) not in text


@pytest.mark.parametrize("version, fits", [("0.1", True), ("0.1.0", True), ("0.1.99", False), ("0.0", False),
                                           ("0.2", False), ("1.0", False)])
def test_versions(package, tmp_path, version, fits):
    script = tmp_path / "version.cmake"
    script.write_text(f"""set(PACKAGE_FIND_VERSION {version})
string(REPLACE . ";" parts {version}.0)
list(GET parts 0 PACKAGE_FIND_VERSION_MAJOR)
list(GET parts 1 PACKAGE_FIND_VERSION_MINOR)
include({next(package.rglob("TriuneConfigVersion.cmake"))})
message(STATUS "fits: ${{PACKAGE_VERSION_COMPATIBLE}}")
""")
    assert f"fits: {str(fits).upper()}" in run("cmake", "-P", script)


@pytest.mark.parametrize("header", HEADERS)
def test_header_can_be_included_alone(package, outside, environment, header):
    name = header.replace("/", "_")
    (outside / f"{name}.cc").write_text(f'#include "{header}"\n#include "{header}"\n')
    run(*CCACHE, "c++", "-std=c++20", *WARNINGS, f"-I{package.name}/include",
        f"-isystem{package.name}/{THIRD_PARTY}", "-c", f"{name}.cc", "-o", f"{name}.o",
        cwd=outside, env=environment)


def test_the_plugin_interface_is_c(package, tmp_path):
    run("cc", "-std=c99", *WARNINGS, "-fsyntax-only", "-x", "c", package / "include/triune/runtime.h")


def test_monte_carlo_pi(example):
    printed = example("monte_carlo_pi", 1_000_000, 10)
    assert re.fullmatch(r"pi is about \d\.\d{6}\n", printed)
    # Four standard deviations.
    assert abs(float(printed.split()[-1]) - 3.141593) < 0.0066
    assert example("monte_carlo_pi", 1_000_000, 10) == printed


def test_parameter_server(example):
    printed = example("parameter_server", DATA)
    rounds = re.findall(r"round +(\d+)  loss ([\d.]+)  accuracy ([\d.]+)  on unseen rows ([\d.]+)", printed)
    assert [int(number) for number, *_ in rounds] == list(range(11)) and len(printed.splitlines()) == 11
    losses = [float(loss) for _, loss, _, _ in rounds]
    assert losses[0] == pytest.approx(0.6931, abs=1e-4) and losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.1
    assert float(rounds[-1][2]) > 0.97 and float(rounds[-1][3]) > 0.9
    assert example("parameter_server", DATA) == printed


def test_pipeline(example):
    printed = example("pipeline", DIGITS)
    known, right, unseen = map(int, re.fullmatch(r"learnt from (\d+) images; (\d+) of (\d+) others are right\n",
                                                 printed).groups())
    assert (known, unseen) == (405, 135) and right > 0.7 * unseen
    assert example("pipeline", DIGITS) == printed


def test_word_count(example):
    file = ROOT / "LICENSE"
    counts = collections.Counter(re.findall("[a-z]+", file.read_text().lower()))
    expected = "".join(f"{count:7} {word}\n"
                       for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10])
    # In one piece, in many more than are in flight, and in pieces shorter than a word.
    for size in (1 << 20, 100, 3):
        assert example("word_count", file, size) == expected


def test_word_count_says_what_is_wrong():
    for arguments, message in ([["/no/such/file"], "NOT_FOUND: can't open /no/such/file"],
                               [[EXAMPLES], f"UNAVAILABLE: can't read {EXAMPLES}"],
                               [[], "INVALID_ARGUMENT: usage"], [["a", "-1"], "INVALID_ARGUMENT: not a positive"]):
        ended = subprocess.run([BUILD / "examples" / "word_count", *arguments], capture_output=True, text=True,
                               timeout=20)
        assert ended.returncode == 1 and ended.stdout == "" and ended.stderr.startswith(message), ended.stderr


def test_tour(example):
    assert example("tour") == """\
7 * 7 + 1 = 50
fibonacci(15) = 610
after two failures: 42
a task with a timeout: DEADLINE_EXCEEDED
impatient: GET_TIMEOUT
cancelled: TASK_CANCELLED
TASK_FAILED in task 'age': std::invalid_argument
the largest is 3
ten or more are ready: yes
99 * 99 = 9801
the first is 3
3 + 1 = 4
25 primes below 100
4 + 9 + 25 + 49 = 87
freed: OBJECT_FREED
there: 0
made again: 9
10 + 1 = 11
11 + 5 = 16
visits: 1
killed: ACTOR_DIED
after the restart: 10
hits: 100
in coroutines: 19602, 385
processors: 4
in the group: 19
removed: ACTOR_DIED
100 + 3 * 3 + 3 = 112
a third: CAPACITY_EXCEEDED
112 + 2 + 6 = 114, 120
31 degrees, sum 30
careless: WORKER_CRASHED
in a process of its own: 11
square: FINISHED
"""


def blocks(language):
    """What docs/compute.md quotes."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "compute.md").read_text(), re.S)


def stripped(lines):
    return [line.strip() for line in lines]


def test_the_page_quotes_the_tour():
    """Line for line, but for the indentation and a whole program."""
    tour = stripped((EXAMPLES / "tour.cc").read_text().splitlines())
    quoted = [block for block in blocks("cpp") if "int main" not in block]
    assert len(quoted) >= 8
    for block in quoted:
        lines = stripped(block.splitlines())
        assert any(tour[at:at + len(lines)] == lines for at in range(len(tour))), block


def test_the_first_program_of_the_page(outside, package, environment):
    """With the CMakeLists.txt that stands there."""
    [program] = [block for block in blocks("cpp") if "int main" in block]
    [project] = blocks("cmake")
    folder = outside / "app"
    folder.mkdir()
    (folder / "app.cc").write_text(program)
    (folder / "CMakeLists.txt").write_text(project)
    run("cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={package}",
        env=environment)
    run("cmake", "--build", folder / "build", env=environment)
    assert run(folder / "build" / "app") == "2401\n"
