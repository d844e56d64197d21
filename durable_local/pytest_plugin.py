"""The pytest plugin: fixtures for durable workflows, and their timelines in failure reports.

.. code-block:: python

    def test_an_order_is_shipped(durable_runner):
        result = durable_runner(handler, responders={"approval": True}).run({"order": 7})
        assert result.status == "SUCCEEDED"

    @pytest.mark.durable(clock="manual")
    def test_over_http(durable_service):
        client = boto3.client("lambda", endpoint_url=durable_service.url)

The plugin is active on install. It imports nothing but pytest until one of its fixtures is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from durable_local import LocalService
    from durable_local.testing import DurableTestRunner

MOST_TIMELINES = 5
"""Executions a failure report shows; the last ones are the ones that matter."""

_runners = pytest.StashKey["list[DurableTestRunner]"]()
_service = pytest.StashKey["LocalService"]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "durable(**options): options of the fixtures `durable_runner` and `durable_service`, such as clock='manual'",
    )


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the options of the `durable` markers around a test, the nearest last."""
    options: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("durable"))):
        if marker.args:
            raise pytest.UsageError(f"{request.node.nodeid}: @pytest.mark.durable takes keyword options only.")
        options |= marker.kwargs
    return options


@pytest.fixture
def durable_runner(request: pytest.FixtureRequest) -> Iterator[Callable[..., DurableTestRunner]]:
    """Make test runners: `durable_runner(handler, **options)`; they are closed when the test ends."""
    from durable_local.testing import DurableTestRunner

    defaults = _options(request)
    runners: list[DurableTestRunner] = []
    request.node.stash[_runners] = runners

    def make(handler: Any, **options: Any) -> DurableTestRunner:
        runners.append(DurableTestRunner(handler, **defaults | options))
        return runners[-1]

    yield make
    for runner in runners:
        runner.close()


@pytest.fixture
def durable_service(request: pytest.FixtureRequest) -> Iterator[LocalService]:
    """Run the local service on a free loopback port; its clock skips unless the marker says otherwise."""
    from durable_local import LocalService

    with LocalService(**{"clock": "skip"} | _options(request)) as service:
        request.node.stash[_service] = service
        yield service


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the timelines of the test's executions to the report of a failure."""
    report = yield
    if report.failed and call.when == "call" and (_runners in item.stash or _service in item.stash):
        timelines = _timelines(item)
        if timelines:
            report.sections.append(("durable executions", "\n\n".join(timelines)))
    return report


def _timelines(item: pytest.Item) -> list[str]:
    results = [result for runner in item.stash.get(_runners, []) for result in runner.latest()]
    timelines = [result.timeline() for result in results]
    if _service in item.stash:
        timelines += _timelines_of(item.stash[_service])
    return timelines[-MOST_TIMELINES:]


def _timelines_of(service: LocalService) -> list[str]:
    """Read the service's executions through its own API: its engine belongs to another thread."""
    from durable_local.testing._over_http import HttpLambda
    from durable_local.testing._through_client import ThroughClient

    client = ThroughClient(HttpLambda(service.url), wait_at_most=5)
    arns = service.engine.arns(closed=True)
    return [client.snapshot(arn).timeline() for arn in arns[-MOST_TIMELINES:]]
