"""Runs the branches of a map or parallel as tasks of the event loop."""

from __future__ import annotations

import asyncio

from durable_runtime._timeline import OperationFuture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from durable_runtime._asyncio import Driver
    from durable_runtime._operations.batch import Batch


async def run_branches(batch: Batch, driver: Driver) -> None:
    """Run branches until the batch is complete; then cancel the others."""
    crew = _Crew(batch, driver)
    crew.start()
    try:
        await crew.over
    finally:
        for task in crew.tasks:
            task.cancel()


class _Crew:
    def __init__(self, batch: Batch, driver: Driver) -> None:
        self.batch = batch
        self.driver = driver
        self.over = OperationFuture(loop=driver.loop)
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start as many branches as may run now."""
        while self.batch.startable and not self.over.done():
            task = asyncio.Task(self.run(self.batch.start()), loop=self.driver.loop)
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def run(self, index: int) -> None:
        """Run one branch, and report how it went."""
        from durable_runtime._operations.child import escapes

        batch = self.batch
        try:
            _, generator, codec = batch.plan(index)
            value = await self.driver.perform(generator)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  a branch's failure is the batch's to judge
            if escapes(error):
                self.end_with(error)
                return
            batch.fail(index, error)
        except BaseException as signal:  # noqa: BLE001  raised again where the batch is awaited
            self.end_with(signal)
            return
        else:
            batch.succeed(index, value, codec.text)
        if not batch.complete:
            self.start()
        elif not self.over.done():
            self.over.set_result(None)

    def end_with(self, signal: BaseException) -> None:
        """Pass on what is not the branch's own, and ends the batch."""
        if not self.over.done():
            self.over.set_exception(signal)
