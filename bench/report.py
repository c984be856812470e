"""The machine, the table and the JSON."""
import json
import os
import platform
import re
import statistics
import subprocess
import time


def machine():
    with open("/proc/cpuinfo") as file:
        names = re.findall(r"model name\s*: (.*)", file.read())
    with open("/etc/os-release") as file:
        system = re.search(r'PRETTY_NAME="(.*)"', file.read())[1]
    return {"cpu": names[0] if names else platform.machine(), "cores": os.cpu_count(), "system": system,
            "kernel": platform.release()}


def commit(root):
    def git(*words):
        return subprocess.run(["git", "-C", root, *words], capture_output=True, text=True).stdout.strip()
    return git("rev-parse", "--short=12", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")


def build_settings(build):
    """{"type", "flags", "compiler", "sanitize"} of a CMake build folder."""
    with open(f"{build}/CMakeCache.txt") as file:
        cache = dict(re.findall(r"^([A-Za-z_]+):[A-Z]+=(.*)$", file.read(), re.MULTILINE))
    kind = cache.get("CMAKE_BUILD_TYPE", "")
    return {"type": kind, "flags": cache.get(f"CMAKE_CXX_FLAGS_{kind.upper()}", ""),
            "compiler": cache.get("CMAKE_CXX_COMPILER", ""), "sanitize": cache.get("TRIUNE_SANITIZE", "")}


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "all": values}


class Row:
    """One line of the table. `sense` is ">=" or "<="; `value` is what is compared with `target` (None: no target)."""

    def __init__(self, measure, figure, value, sense=None, target=None, floor=None, unit="", note="",
                 subject="ours"):
        self.measure, self.figure, self.floor, self.unit, self.note = measure, figure, floor, unit, note
        self.subject = subject
        self.value, self.sense, self.target = value, sense, target

    @property
    def reached(self):
        if self.target is None:
            return None
        value = self.value["median"]
        return value >= self.target if self.sense == ">=" else value <= self.target

    def to_json(self):
        return {"measure": self.measure, "subject": self.subject, "unit": self.unit, "figure": self.figure,
                "floor": self.floor,
                "value": self.value, "sense": self.sense, "target": self.target, "reached": self.reached,
                "note": self.note}

    def cells(self):
        value = self.value
        several = len(value["all"]) > 1
        return [self.measure, _figure(self.floor and self.floor["median"], self.unit),
                _figure(self.figure["median"], self.unit),
                _short(value["median"]) + (f" ({_short(value['min'])}-{_short(value['max'])})" if several else ""),
                f"{self.sense} {self.target:,}" if self.target is not None else "",
                {True: "yes", False: "NO", None: ""}[self.reached], self.note]


def _figure(value, unit):
    if value is None:
        return ""
    return (f"{value:,.0f}" if value >= 1000 else _short(value)) + (f" {unit}" if unit else "")


def _short(value):
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def tables(rows):
    """One table for ours and one for each peer."""
    subjects = list(dict.fromkeys(row.subject for row in rows))
    return "\n\n".join(table([row for row in rows if row.subject == subject]) for subject in subjects)


def table(rows):
    head = ["measure", "floor", rows[0].subject, "value (min-max)", "target", "reached", "note"]
    lines = [head] + [row.cells() for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    rule = ["-" * width for width in widths]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
                     for line in [lines[0], rule, *lines[1:]])


def write(path, header, rows, details):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump({**header, "rows": [row.to_json() for row in rows], "runs": details}, file, indent=1)
        file.write("\n")


def show(header, rows, path):
    """The tables, and what they were measured on."""
    place, settings = header["machine"], header["build"]
    print(f"\n{place['cpu']}, {place['cores']} cores, {place['system']}, kernel {place['kernel']}; commit "
          f"{header['commit']}; {settings['type']} {settings['flags']}; {header['runs_each']} runs of "
          f"{header['seconds_each']} s each, medians{' (QUICK: not for figures)' if header['quick'] else ''}\n")
    print(tables(rows))
    print(f"\n{path}")


def exit_status(rows, enforce):
    return 1 if enforce and any(row.reached is False for row in rows) else 0


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
