"""Runs one file of tests for ctest: `run_pytest.py NAME FILE`. Leaves NAME.xml where $TRIUNE_TEST_RESULTS says."""
import os
import sys

import pytest

name, file = sys.argv[1:3]
arguments = ["-q", "-p", "no:cacheprovider", "--tb=short", "-rs", file]
if os.environ.get("TRIUNE_TEST_RESULTS"):
    arguments.append(f"--junitxml={os.environ['TRIUNE_TEST_RESULTS']}/{name}.xml")
sys.exit(pytest.main(arguments))
