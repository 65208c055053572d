"""The report as JUnit XML, which CI systems show beside a change: a suite per drill, a case per expectation."""

import re
from collections.abc import Iterable
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from rehearsal.verdict import Finding, Report, Status

WHOLE_RUN: Final = "the whole run"
# Source: XML 1.0, section 2.2, production 2.
NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(report: Report) -> str:
    """Return the report in the dialect that Jenkins made and GitLab and GitHub's actions read; times in seconds."""
    took_s = (report.ended_at - report.started_at).total_seconds()
    root = Element("testsuites", name="rehearsal", time=f"{took_s:.3f}")
    _count(root, report.findings)
    for result in report.drills:
        wall_s = (result.ended_at - result.started_at).total_seconds() / report.options.speed
        _suite(root, result.drill.name, result.findings, wall_s)
    _suite(root, WHOLE_RUN, (report.canary, *report.run_findings), took_s)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, name: str, findings: tuple[Finding, ...], took_s: float) -> None:
    suite = SubElement(root, "testsuite", name=name, time=f"{took_s:.3f}")
    _count(suite, findings)
    for finding in findings:
        case = SubElement(suite, "testcase", classname=name, name=_clean(finding.what))
        if finding.status is Status.FAILED:
            SubElement(case, "failure", message=_clean(finding.detail))
        else:
            SubElement(case, "system-out").text = _clean(finding.detail)


def _clean(text: str) -> str:
    """Replace what XML cannot hold even escaped."""
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _count(element: Element, findings: Iterable[Finding]) -> None:
    listed = list(findings)
    element.set("tests", str(len(listed)))
    element.set("failures", str(sum(finding.status is Status.FAILED for finding in listed)))
