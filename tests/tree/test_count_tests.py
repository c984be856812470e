"""The count behind `N passed, N failed` cannot lose a failure."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import count_tests  # noqa: E402


def ctest(folder, **tests):
    lines = "".join(f'<testcase name="{name.replace("__", ".")}" status="{status}"/>' for name, status in tests.items())
    (folder / "ctest.junit").write_text(f"<testsuite>{lines}</testsuite>")


def test_counts_the_cases_of_a_report_in_place_of_its_ctest_test(tmp_path):
    ctest(tmp_path, unit__base="run", functional__faults="fail", tree__layers="run")
    (tmp_path / "base_test.xml").write_text('<testsuites><testsuite><testcase status="run"/><testcase status="run"/>'
                                            '<testcase status="notrun"/></testsuite></testsuites>')
    (tmp_path / "functional.faults.xml").write_text("<testsuite><testcase/><testcase><failure/></testcase>"
                                                    "<testcase><skipped/></testcase></testsuite>")
    assert count_tests.count(tmp_path) == (4, 1)


def test_a_crash_counts_as_a_failure(tmp_path):
    ctest(tmp_path, unit__base="fail")
    assert count_tests.count(tmp_path) == (0, 1)


def test_a_crash_after_cases_that_passed_counts_as_a_failure(tmp_path):
    ctest(tmp_path, unit__base="fail")
    (tmp_path / "base_test.xml").write_text("<testsuite><testcase status='run'/></testsuite>")
    assert count_tests.count(tmp_path) == (1, 1)


def test_a_report_cut_short_does_not_count_as_passed(tmp_path):
    ctest(tmp_path, unit__base="fail")
    (tmp_path / "base_test.xml").write_text("<testsuite><testcase status='run'/>")
    assert count_tests.count(tmp_path) == (0, 1)


def test_no_ctest_report_is_a_failure(tmp_path):
    assert count_tests.count(tmp_path) == (0, 1)
