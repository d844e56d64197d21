"""What holds for the whole suite: in CI a skipped test is a failure; otherwise the summary names what did not run."""

from __future__ import annotations

import os

import pytest


def pytest_configure() -> None:
    os.environ.setdefault("CDK_VALIDATION", "false")
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("CI") != "true" or hasattr(session.config, "workerinput"):
        return
    if reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line("with CI=true a skipped test is a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
