"""Generated workflows: a small tree of operations, and the one interpreter that plays it on any kit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.runtime.service import Answer, fail, succeed

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Step:
    failures: int = 0
    at_most_once: bool = False


@dataclass(frozen=True)
class Wait:
    seconds: int = 5


@dataclass(frozen=True)
class Child:
    body: tuple[Any, ...]
    virtual: bool = False


@dataclass(frozen=True)
class Map:
    items: int
    body: tuple[Any, ...]
    limit: int | None = None
    flat: bool = False


@dataclass(frozen=True)
class Parallel:
    branches: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Callback:
    ok: bool = True
    with_submitter: bool = True


@dataclass(frozen=True)
class Invoke:
    ok: bool = True


@dataclass(frozen=True)
class Condition:
    polls: int = 2


@dataclass(frozen=True)
class Saga:
    body: tuple[Any, ...]
    compensations: int
    fails: bool


ATTEMPTS = 3
ANSWERS = {
    "good": succeed('{"answer": 42}'),
    "bad": fail("no stock", "OutOfStock"),
    "*": lambda operation: answer_callback(operation),  # noqa: PLW0108  defined below
}


class Boom(Exception):  # noqa: N818  reads as what happened
    """What a step of a generated workflow raises."""


def answer_callback(operation: dict[str, Any]) -> Answer:
    return fail("said no", "Refusal") if "bad" in operation["Name"] else succeed("said yes")


def play(kit: Any, ctx: Any, nodes: tuple[Any, ...], path: str = "w") -> Iterator[Any]:
    """Play the operations of a body in order; the result is what each gave, or how it failed."""
    results = []
    for number, node in enumerate(nodes):
        name = f"{path}.{number}"
        try:
            results.append((yield from PLAY[type(node)](kit, ctx, node, name)))
        except kit.DurableOperationError as error:
            results.append(f"{name}: {str(error)[:60]}")
    return results


def play_step(kit, ctx, node, name):
    def body(step):
        kit.seen(name, step.attempt)
        if step.attempt <= node.failures:
            raise Boom(f"{name} attempt {step.attempt}")
        return {"step": name, "attempt": step.attempt}

    kind = "AT_MOST_ONCE_PER_RETRY" if node.at_most_once else "AT_LEAST_ONCE_PER_RETRY"
    config = kit.StepConfig(retry_strategy=kit.retry(ATTEMPTS), step_semantics=kit.StepSemantics[kind])
    return (yield ctx.step(body, name=name, config=config))


def play_wait(kit, ctx, node, name):
    return (yield ctx.wait(kit.seconds(node.seconds), name=name))


def play_child(kit, ctx, node, name):
    def body(child):
        return (yield from play(kit, child, node.body, name))

    return (yield ctx.run_in_child_context(kit.fn(body), name, kit.ChildConfig(is_virtual=node.virtual)))


def play_map(kit, ctx, node, name):
    def body(branch, item, index, items):
        values = yield from play(kit, branch, node.body, f"{name}[{index}]")
        return [item, len(items), values]

    config = kit.MapConfig(
        max_concurrency=node.limit,
        completion_config=kit.CompletionConfig.all_completed(),
        nesting_type=kit.NestingType.FLAT if node.flat else kit.NestingType.NESTED,
    )
    batch = yield ctx.map([f"item {i}" for i in range(node.items)], kit.fn(body), name=name, config=config)
    return summary(batch)


def play_parallel(kit, ctx, node, name):
    def branch(number, nodes):
        def body(context):
            return (yield from play(kit, context, nodes, f"{name}/{number}"))

        return kit.fn(body)

    config = kit.ParallelConfig(completion_config=kit.CompletionConfig.all_completed())
    branches = [branch(i, nodes) for i, nodes in enumerate(node.branches)]
    return summary((yield ctx.parallel(branches, name=name, config=config)))


def summary(batch):
    return [batch.completion_reason.value, [[i.index, i.status.value, i.result] for i in batch.all]]


def play_callback(kit, ctx, node, name):
    name = f"{name} {'good' if node.ok else 'bad'}"
    if node.with_submitter:
        return (yield ctx.wait_for_callback(lambda _id, _ctx: None, name=name))
    callback = yield ctx.create_callback(name=name)
    value = callback.result()
    if kit.name == "async":
        value = yield value
    return value


def play_invoke(kit, ctx, node, name):
    return (yield ctx.invoke("good" if node.ok else "bad", {"from": name}, name=name))


def play_condition(kit, ctx, node, name):
    def decide(state, attempt):
        if state["polls"] >= node.polls:
            return kit.WaitForConditionDecision.stop_polling()
        return kit.WaitForConditionDecision.continue_waiting(kit.seconds(attempt))

    config = kit.WaitForConditionConfig(wait_strategy=decide, initial_state={"polls": 0})
    return (yield ctx.wait_for_condition(lambda s, _c: {"polls": s["polls"] + 1}, config, name=name))


def play_saga(kit, ctx, node, name):
    try:
        if kit.name == "async":
            return (yield saga_async(kit, ctx, node, name))
        with ctx.saga() as saga:
            for number in range(node.compensations):
                saga.add(lambda _step=None, n=number: f"undo {n}", name=f"{name} undo {number}")
            values = kit.fn(play)(kit, ctx, node.body, name)
            if node.fails:
                raise Boom(name)
            return values
    except Boom as boom:
        return f"compensated {boom}"


async def saga_async(kit, ctx, node, name):
    async with ctx.saga() as saga:
        for number in range(node.compensations):
            saga.add(lambda _step=None, n=number: f"undo {n}", name=f"{name} undo {number}")
        values = await kit.fn(play)(kit, ctx, node.body, name)
        if node.fails:
            raise Boom(name)
        return values


PLAY = {
    Step: play_step,
    Wait: play_wait,
    Child: play_child,
    Map: play_map,
    Parallel: play_parallel,
    Callback: play_callback,
    Invoke: play_invoke,
    Condition: play_condition,
    Saga: play_saga,
}


def workflow(nodes: tuple[Any, ...]) -> Any:
    def generated(kit, event, ctx):
        return (yield from play(kit, ctx, nodes))

    return generated


# -- what hypothesis draws --------------------------------------------------------------------------------

LEAVES = st.one_of(
    st.builds(Step, failures=st.sampled_from([0, 0, 0, 1, 3]), at_most_once=st.booleans()),
    st.builds(Wait, seconds=st.integers(1, 100_000)),
    st.builds(Callback, ok=st.booleans(), with_submitter=st.booleans()),
    st.builds(Invoke, ok=st.booleans()),
    st.builds(Condition, polls=st.integers(1, 3)),
)


def bodies(children: Any, low: int = 0) -> Any:
    return st.lists(children, min_size=low, max_size=3).map(tuple)


def inner(children: Any) -> Any:
    body = bodies(children)
    return st.one_of(
        st.builds(Child, body=body, virtual=st.booleans()),
        st.builds(
            Map,
            items=st.integers(0, 4),
            body=body,
            limit=st.sampled_from([None, 1, 2]),
            flat=st.booleans(),
        ),
        st.builds(Parallel, branches=st.lists(body, max_size=3).map(tuple)),
    )


COMMON = bodies(st.recursive(LEAVES, inner, max_leaves=6), 1)
WITH_SAGAS = bodies(
    st.recursive(
        LEAVES,
        lambda c: st.one_of(
            inner(c),
            st.builds(Saga, body=bodies(c), compensations=st.integers(0, 3), fails=st.booleans()),
        ),
        max_leaves=6,
    ),
    1,
)
