"""The baseline records the operations of each handler and tells what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from durable_check import check_paths
from durable_check._baseline import BaselineError, compare, load, record

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "from durable_runtime import durable_execution\n\n@durable_execution\ndef handler(event, ctx):\n"
STEPS = ['ctx.step(lambda _: 1, name="reserve")', "ctx.wait(60)", 'ctx.step(lambda _: 1, name="charge")']


def write(folder: Path, lines: list[str]) -> None:
    (folder / "handler.py").write_text(HEAD + "".join(f"    {line}\n" for line in lines))


def drift(folder: Path, before: list[str], after: list[str]) -> list[str]:
    write(folder, before)
    baseline = folder / "baseline.json"
    baseline.write_text(record(check_paths([folder]), str(folder)))
    write(folder, after)
    findings = compare(check_paths([folder]), load(baseline), str(folder), str(baseline))
    assert {finding.rule for finding in findings} <= {"DUR025"}
    return [finding.message for finding in findings]


def test_the_same_code_has_not_drifted(tmp_path: Path) -> None:
    assert drift(tmp_path, STEPS, STEPS) == []


def test_a_new_operation_at_the_end_is_fine(tmp_path: Path) -> None:
    assert drift(tmp_path, STEPS, [*STEPS, "ctx.wait(5)"]) == []


def test_a_renamed_operation_is_reported_with_both_names(tmp_path: Path) -> None:
    (message,) = drift(tmp_path, STEPS, [STEPS[0], STEPS[1], STEPS[2].replace("charge", "bill")])
    assert 'step "bill" is renamed' in message
    assert 'step "charge"' in message


def test_swapped_operations_are_reported(tmp_path: Path) -> None:
    messages = drift(tmp_path, [STEPS[0], STEPS[2]], [STEPS[2], STEPS[0]])
    assert messages == ['step "charge" is moved in front of recorded operations, and shifts their ids']


def test_a_removed_operation_is_reported(tmp_path: Path) -> None:
    (message,) = drift(tmp_path, STEPS, [STEPS[0], STEPS[2]])
    assert message == "wait is in the baseline and no longer in the code"


def test_an_operation_put_in_front_is_reported(tmp_path: Path) -> None:
    (message,) = drift(tmp_path, STEPS, [STEPS[0], 'ctx.step(lambda _: 1, name="check")', *STEPS[1:]])
    assert 'step "check" is new in front of recorded operations' in message


def test_a_changed_type_is_reported(tmp_path: Path) -> None:
    (message,) = drift(tmp_path, STEPS, [STEPS[0], 'ctx.invoke("f", {})', STEPS[2]])
    assert "invoke" in message
    assert "wait" in message


def test_a_patched_operation_may_come(tmp_path: Path) -> None:
    patched = ['if ctx.patched("check"):', '    ctx.step(lambda _: 1, name="check")']
    assert drift(tmp_path, STEPS, [STEPS[0], *patched, *STEPS[1:]]) == []


def test_a_computed_name_compares_equal(tmp_path: Path) -> None:
    computed = "ctx.step(lambda _: 1, name=event['name'])"
    assert drift(tmp_path, [computed, *STEPS], [computed.replace("'name'", "'title'"), *STEPS]) == []
    assert drift(tmp_path, [computed, *STEPS], [STEPS[0], *STEPS]) == []


def test_children_have_a_sequence_of_their_own(tmp_path: Path) -> None:
    child = ["def ship(child):", "    child.wait(1)", "    child.wait(2)", "ctx.run_in_child_context(ship)"]
    assert drift(tmp_path, [*child, *STEPS], [*child, *STEPS]) == []
    (message,) = drift(tmp_path, [*child, *STEPS], [child[0], child[1], child[3], *STEPS])
    assert "wait in ship" in message


def test_a_handler_that_is_gone_is_reported(tmp_path: Path) -> None:
    write(tmp_path, STEPS)
    recorded = {"other.py:handler": []}
    (finding,) = compare(check_paths([tmp_path]), recorded, str(tmp_path), "baseline.json")
    assert "other.py:handler" in finding.message
    assert finding.path == "baseline.json"


@pytest.mark.parametrize("text", ["", "[]", '{"version": 9, "handlers": {}}', '{"version": 1}', "{}"])
def test_a_broken_baseline_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(BaselineError, match=r"baseline\.json"):
        load(file)


def test_a_missing_baseline_says_how_to_record_one(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="--write-baseline"):
        load(tmp_path / "none.json")


def test_a_handler_in_a_file_this_run_does_not_check_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, STEPS)
    other = tmp_path / "other.py"
    other.write_text(HEAD + "    ctx.wait(1)\n")
    recorded = load(_written(tmp_path / "baseline.json", record(check_paths([tmp_path]), str(tmp_path))))
    assert compare(check_paths([other]), recorded, str(tmp_path), "baseline.json") == []
    (tmp_path / "handler.py").unlink()
    (finding,) = compare(check_paths([other]), recorded, str(tmp_path), "baseline.json")
    assert finding.message == "the baseline has the handler `handler.py:handler`, and it is no longer there"


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file
