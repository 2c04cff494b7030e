"""The result as a table, as JSON and as JUnit."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from verify_players import a_round, check, result

from nfvigil.model.subscription import Mode
from nfvigil.verify.report import as_json, as_junit, as_table, verdict

GOOD = result(a_round(1), a_round(2, raised_s=0.04), a_round(3, servers=10))
BAD = result(
    a_round(1, found=(check(), check("owners know", is_ok=False), check("ports", is_skipped=True)), raised_s=None)
)


def test_a_result_is_good_only_if_every_check_is() -> None:
    assert GOOD.is_ok
    assert verdict(GOOD) == "PASSED: owners knew after 0.040 s at most (limit 1 s), 4 checks"
    assert not BAD.is_ok
    assert verdict(BAD) == "FAILED: 1 of 4 checks"
    assert not result().is_ok


def test_the_table_has_the_trend_the_costs_and_every_check() -> None:
    lines = as_table(GOOD).splitlines()

    assert "1 2 0.010 s 0.030 s 0.500 s 0.030 s 0.040 s 1 s held" in [" ".join(line.split()) for line in lines]
    assert any(line.split()[:2] == ["10", "1"] for line in lines)
    assert any(line.split() == ["1", "notifier", "20.0", "ms", "100.0", "%"] for line in lines)
    assert sum(line.startswith("  ok") for line in lines) == 4
    assert "\x07" not in "".join(lines)


def test_the_table_says_what_failed_what_was_skipped_and_what_never_came() -> None:
    text = as_table(BAD)

    assert "FAILED   during  owners know" in text
    assert "skipped  during  ports" in text
    assert "1 s MISSED" in text
    assert text.rstrip().endswith("FAILED: 1 of 4 checks")


def test_in_the_mode_confirmed_the_limit_is_for_the_confirmed_news() -> None:
    assert "0.500 s at most" in verdict(result(a_round(), mode=Mode.CONFIRMED))


def test_without_a_profile_the_table_has_none() -> None:
    assert "profile" not in as_table(result())


def test_json_has_everything_that_was_measured_and_checked() -> None:
    found = json.loads(as_json(BAD))

    assert found["ok"] is False
    assert found["facts"]["host"] == "compute-4"
    (measured,) = found["rounds"]
    assert measured["seconds"] == {"accepted": 0.01, "raised": None, "confirmed": 0.5, "cleared": 0.03}
    assert [each["ok"] for each in measured["checks"]] == [True, False, True]
    assert measured["profile"]["spans"][0]["component"] == "inspector"
    assert found["end"][0]["what"] == "the cloud is as it was"


def test_junit_has_the_usual_shape() -> None:
    root = ElementTree.fromstring(as_junit(BAD))

    assert root.tag == "testsuites"
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    suites = list(root)
    assert [suite.tag for suite in suites] == ["testsuite", "testsuite"]
    for suite in suites:
        cases = suite.findall("testcase")
        assert int(str(suite.get("tests"))) == len(cases)
        assert int(str(suite.get("failures"))) == len(suite.findall("testcase/failure"))
        assert int(str(suite.get("skipped"))) == len(suite.findall("testcase/skipped"))
        assert all(case.get("name") and case.get("classname") and case.get("time") for case in cases)
        assert suite[0].tag == "properties"
        assert all(suite.get(name) for name in ("name", "timestamp", "time", "errors"))
    failure = suites[0].find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "2 <ACTIVE> & \N{REPLACEMENT CHARACTER}"
    properties = {each.get("name"): each.get("value") for each in suites[0].findall("properties/property")}
    assert properties["confirmed_seconds"] == "0.500000"
    assert "raised_seconds" not in properties
