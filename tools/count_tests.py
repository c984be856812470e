#!/usr/bin/env python3
"""Prints `PASSED FAILED`, counting test cases, for the results of one ctest run.

    count_tests.py FOLDER

FOLDER/ctest.junit is ctest's own report. A ctest test unit.NAME that ran a GoogleTest program left NAME_test.xml, and
functional.NAME left functional.NAME.xml: their cases are counted in its place. A test that failed without a failed
case (it crashed, hung or left no report) counts as one failure.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml


def cases(file):
    """(passed, failed) of a JUnit report."""
    passed = failed = 0
    for case in xml.parse(file).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is None and case.get("status") not in ("notrun", "disabled"):
            passed += 1
    return passed, failed


def report_of(test, folder):
    kind, _, name = test.partition(".")
    return folder / (f"{name}_test.xml" if kind == "unit" else f"{test}.xml")


def count(folder):
    ctest = folder / "ctest.junit"
    if not ctest.exists():
        return 0, 1
    passed = failed = 0
    for test in xml.parse(ctest).iter("testcase"):
        ok = test.get("status") == "run"
        case_passed, case_failed = int(ok), int(not ok)
        report = report_of(test.get("name"), folder)
        try:
            case_passed, case_failed = cases(report)
        except (FileNotFoundError, xml.ParseError):
            pass
        passed += case_passed
        failed += max(case_failed, int(not ok))
    return passed, failed


if __name__ == "__main__":
    print(*count(pathlib.Path(sys.argv[1])))
