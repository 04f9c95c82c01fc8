"""The checks of a run as a JUnit file of their own, which strict validators accept.

It is valid under the schema of Ant's reports (windyroad/JUnit-Schema) and under that of Jenkins
(jenkinsci/xunit-plugin, junit-10.xsd), whose common part it keeps to: a suite a check, with properties, and
one test case in it. pytest's own ``--junitxml`` has properties of test cases, which both refuse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from pytest_replication.escape import lines, one_line
from pytest_replication.reports.about import REPLICATED
from pytest_replication.reports.finding import REGRESSED, Finding
from pytest_replication.reports.headlines import headline, name, title
from pytest_replication.reports.properties import properties
from pytest_replication.reports.run_findings import of_run

if TYPE_CHECKING:
    from pytest_replication.results import Results

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""
_TYPES = {"fail": "ReplicationDetected", "inconclusive": "Inconclusive", "error": "ReplicationError"}
_LONGEST = 100_000


def junit(results: Results) -> str:
    """Render the checks of a run as JUnit XML.

    A check that fails its test is a failure; one that could not tell, or could not be made, is an error; one
    that did not pass and was only measured is skipped, with what it found, as is one whose error the
    test caught. A run in which no check was made is an error.

    Args:
        results: of a run.
    """
    root = ElementTree.Element("testsuites")
    stamp = _stamp(results.run["started"]) or _stamp(results.data["written"]) or "1970-01-01T00:00:00"
    for check in results.checks:
        _add_check(root, check, stamp)
    for finding in of_run(results):
        _add_broken(root, finding, stamp)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_check(root: ElementTree.Element, check: Mapping[str, Any], stamp: str) -> None:
    outcome, asserted = check["outcome"], check["asserted"]
    result = None
    if outcome != "pass":
        kind = "failure" if outcome == "fail" else "error"
        said = headline(check)
        result = ElementTree.Element(kind if asserted else "skipped")
        result.set("message", _xml(said if asserted else f"measured only, {outcome.upper()}: {said}"))
        if asserted:
            result.set("type", _TYPES[outcome])
        result.text = _xml(lines(str(check["message"])[:_LONGEST]) or said)
    test = f"{check['test']}{', a run that was repeated' if check['rerun'] else ''}"
    case = title(check).removeprefix(one_line(test)).strip() or "replication"
    _suite(root, check["id"], test, case, properties(check), result, check["seconds"] or 0, stamp)


def _add_broken(root: ElementTree.Element, finding: Finding, stamp: str) -> None:
    copies = finding.rule in (REPLICATED, REGRESSED)
    kind = "failure" if copies else "error"
    result = ElementTree.Element(kind if finding.failing else "skipped")
    result.set("message", _xml(finding.message))
    if finding.failing:
        result.set("type", "ReplicationDetected" if copies else "ReplicationError")
    result.text = _xml(finding.message)
    test = finding.test or "the run"
    _suite(root, f"{test} ({finding.title})", test, finding.title, {}, result, 0, stamp)


def _suite(
    root: ElementTree.Element,
    suite: str,
    test: str,
    case: str,
    told: Mapping[str, str],
    result: ElementTree.Element | None,
    seconds: float,
    stamp: str,
) -> None:
    """Add a suite with one test case, its attributes and children in the order of the schemas."""
    counts = {"tests": "1"}
    counts |= {f"{tag}s": str(int(result is not None and result.tag == tag)) for tag in ("failure", "error")}
    counts["skipped"] = str(int(result is not None and result.tag == "skipped"))
    time = f"{max(0.0, float(seconds)):.3f}"
    file, _, rest = test.partition("::")
    module = file.removesuffix(".py").replace("/", ".") or "replication"
    attributes = {"name": _token(suite), "timestamp": stamp, "hostname": "localhost", **counts, "time": time}
    attributes |= {"package": _token(module), "id": str(len(root))}
    element = ElementTree.SubElement(root, "testsuite", attributes)
    held = ElementTree.SubElement(element, "properties")
    for key, value in told.items():
        ElementTree.SubElement(held, "property", {"name": key, "value": _xml(value)})
    named = " ".join(filter(None, (rest, "" if case == "replication" and rest else case)))
    about = {"name": _token(named), "classname": _token(module), "time": time}
    into = ElementTree.SubElement(element, "testcase", about)
    if result is not None:
        into.append(result)
    ElementTree.SubElement(element, "system-out").text = ""
    ElementTree.SubElement(element, "system-err").text = ""


def _xml(text: object) -> str:
    """Text without what XML cannot hold."""
    return _NOT_XML.sub("�", str(text))


def _token(text: object) -> str:
    """A name as schemas want one: one line, no spaces around it or in a row, not empty."""
    return " ".join(_xml(name(text, 500)).split()) or "–"


def _stamp(written: str) -> str:
    """A time in UTC, without a zone, which the schema of Ant's reports forbids; empty for what is none."""
    try:
        time = datetime.fromisoformat(written)
    except ValueError:
        return ""
    return (time.astimezone(UTC) if time.tzinfo else time).strftime("%Y-%m-%dT%H:%M:%S")
