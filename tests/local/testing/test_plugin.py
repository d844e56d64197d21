"""The pytest plugin: fixtures, marker, timelines in failure reports, and no cost when unused."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

PLUGIN = ("-q", "-p", "durable_local.pytest_plugin")


@pytest.fixture(autouse=True)
def _only_this_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


WORKFLOW = """
    import pytest
    from durable_runtime import durable_execution

    @durable_execution
    def order(event, ctx):
        total = ctx.step(lambda _: 42, name="price")
        ctx.wait(3600, name="cool down")
        if event.get("fail"):
            raise RuntimeError("sold out")
        return total
"""


def test_the_runner_fixture_makes_runners_and_the_marker_sets_their_options(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        WORKFLOW
        + """
    def test_skips(durable_runner):
        assert durable_runner(order).run({}).result == 42

    @pytest.mark.durable(clock="manual", execution_timeout=7200)
    def test_manual(durable_runner):
        runner = durable_runner(order)
        execution = runner.start({})
        assert execution.status == "RUNNING"
        runner.advance(hours=1)
        assert execution.status == "SUCCEEDED"

    @pytest.mark.durable(clock="manual")
    class TestNearest:
        @pytest.mark.durable(clock="skip")
        def test_wins(self, durable_runner):
            assert durable_runner(order).run({}).status == "SUCCEEDED"
    """
    )
    pytester.runpytest_inprocess(*PLUGIN, "--strict-markers").assert_outcomes(passed=3)


def test_a_failure_report_has_the_timelines(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        WORKFLOW
        + """
    def test_fails(durable_runner):
        assert durable_runner(order).run({"fail": 1}, name="order-7").status == "SUCCEEDED"
    """
    )
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*durable executions*",
            "order-7: FAILED, after 1h*, 2 invocations, 2 operations",
            "*step price*SUCCEEDED*42",
            "*wait cool down*took 1h*",
            "*error: RuntimeError: sold out",
        ]
    )


def test_the_service_fixture_serves_on_loopback_and_reports_its_executions(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
    import boto3, io, zipfile

    def test_fails(durable_service):
        client = boto3.client("lambda", endpoint_url=durable_service.url, region_name="us-east-1",
                              aws_access_key_id="x", aws_secret_access_key="x")
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as bundle:
            bundle.writestr("app.py", "def handler(event, context): return {'Status': 'SUCCEEDED', 'Result': '7'}")
        client.create_function(FunctionName="f", Runtime="python3.13", Role="arn:aws:iam::123456789012:role/r",
                               Handler="app.handler", Code={"ZipFile": code.getvalue()},
                               DurableConfig={"ExecutionTimeout": 60})
        reply = client.invoke(FunctionName="f:$LATEST", DurableExecutionName="over-http")
        assert reply["Payload"].read() == b"8"
    """
    )
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*durable executions*", "over-http: SUCCEEDED*", "*result: 7"])


def test_positional_marker_arguments_are_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
    import pytest

    @pytest.mark.durable("manual")
    def test_wrong(durable_runner): ...
    """
    )
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*@pytest.mark.durable takes keyword options only*"])


def test_it_works_under_xdist(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    pytester.makepyfile(
        WORKFLOW
        + """
    @pytest.mark.parametrize("number", range(4))
    def test_each(durable_runner, durable_service, number):
        assert durable_service.url
        assert durable_runner(order).run({}).result == 42
    """
    )
    pytester.runpytest_subprocess(*PLUGIN, "-p", "xdist", "-n", "2").assert_outcomes(passed=4)


def test_loading_the_plugin_imports_nothing_of_the_service_or_the_runtime() -> None:
    code = (
        "import pytest, sys; before = set(sys.modules); import durable_local.pytest_plugin;"
        "print(*sorted(m for m in set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["durable_local", "durable_local.pytest_plugin"]


def test_the_plugin_is_active_on_install() -> None:
    (found,) = entry_points(group="pytest11", name="durable")
    assert found.value == "durable_local.pytest_plugin"
