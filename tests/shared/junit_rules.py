"""What strict validators of JUnit files want: the common part of the schemas of Ant's reports and of Jenkins."""

from __future__ import annotations

import re
from xml.etree import ElementTree

_TOKEN = re.compile(r"\S+( \S+)*")
_COUNT, _TIME = re.compile(r"\d+"), re.compile(r"\d+\.\d+")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_ANY = re.compile(".*", re.DOTALL)
_SUITE = {
    "name": _TOKEN,
    "timestamp": _STAMP,
    "hostname": _TOKEN,
    "tests": _COUNT,
    "failures": _COUNT,
    "errors": _COUNT,
    "skipped": _COUNT,
    "time": _TIME,
    "package": _TOKEN,
    "id": _COUNT,
}
_ATTRIBUTES = {
    "testsuites": {},
    "testsuite": _SUITE,
    "properties": {},
    "property": {"name": _TOKEN, "value": _ANY},
    "testcase": {"name": _TOKEN, "classname": _TOKEN, "time": _TIME},
    "failure": {"message": _ANY, "type": _TOKEN},
    "error": {"message": _ANY, "type": _TOKEN},
    "skipped": {"message": _ANY},
    "system-out": {},
    "system-err": {},
}
_CHILDREN = {
    "testsuites": r"(testsuite )*",
    "testsuite": r"properties (testcase )*system-out system-err ",
    "properties": r"(property )*",
    "testcase": r"((skipped|error|failure) )?",
}


def read_strictly(text: str) -> ElementTree.Element:
    """Read a JUnit file; what a strict validator would refuse fails the test."""
    root = ElementTree.fromstring(text.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        wanted = _ATTRIBUTES[element.tag]
        assert element.attrib.keys() == wanted.keys(), (element.tag, element.attrib)
        for name, value in element.attrib.items():
            assert wanted[name].fullmatch(value), (element.tag, name, value)
        assert re.fullmatch(_CHILDREN.get(element.tag, ""), "".join(f"{child.tag} " for child in element))
        if element.tag in _CHILDREN:
            assert not (element.text or "").strip()
    for place, suite in enumerate(root):
        assert suite.get("id") == str(place)
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert suite.get(count) == str(len(list(suite.iter(tag))))
    return root
