"""`DurableFunction` bundles what its entry asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match

from constructs_durable import DurableFunction, DurableInputError

if TYPE_CHECKING:
    from pathlib import Path


def handler(tmp_path: Path, requirements: str) -> Path:
    folder = tmp_path / "handler"
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").write_text(requirements)
    (folder / "app.py").write_text("def handler(event, context):\n    return 1\n")
    return folder


def synth(tmp_path: Path, entry: Path, context: dict[str, Any] | None = None) -> tuple[cdk.Stack, Path, str]:
    app = cdk.App(outdir=str(tmp_path / "cdk.out"), context=context)
    stack = cdk.Stack(app, "Shop")
    DurableFunction(stack, "Orders", entry=entry, handler="app.handler", execution_timeout=cdk.Duration.hours(1))
    template = app.synth().get_stack_by_name("Shop").template
    [function] = [r for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    key = function["Properties"]["Code"]["S3Key"].removesuffix(".zip")
    return stack, tmp_path / "cdk.out" / f"asset.{key}", key


@pytest.fixture(autouse=True)
def _uv_with_folder_index(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSTRUCTS_DURABLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(index))


def test_asset_holds_the_handler_and_its_dependencies(tmp_path: Path) -> None:
    _, asset, _ = synth(tmp_path, handler(tmp_path, "plain==1.0\n"))
    assert {"app.py", "plain.py", "helper", "requirements.txt"} <= {path.name for path in asset.iterdir()}


def test_hash_follows_pins_and_code_and_nothing_else(tmp_path: Path) -> None:
    entry = handler(tmp_path, "plain==1.0\n")
    _, _, first = synth(tmp_path, entry)
    (entry / "__pycache__").mkdir()
    (entry / "__pycache__" / "app.cpython-313.pyc").write_bytes(b"x")
    assert synth(tmp_path, entry)[2] == first
    (entry / "app.py").write_text("def handler(event, context):\n    return 2\n")
    second = synth(tmp_path, entry)[2]
    third = synth(tmp_path, handler(tmp_path, "plain==1.0\nhelper==2.0\n"))[2]
    assert len({first, second, third}) == 3


def test_package_without_a_wheel_is_an_error_with_the_constructs_path(tmp_path: Path) -> None:
    with pytest.raises(DurableInputError, match=r"^Shop/Orders: `onlysource==1.0` .* has no wheel for CPython 3.13"):
        synth(tmp_path, handler(tmp_path, "onlysource==1.0\n"))


def test_range_is_a_warning_that_can_be_acknowledged(tmp_path: Path) -> None:
    stack, _, _ = synth(tmp_path, handler(tmp_path, "plain>=1\n"))
    Annotations.from_stack(stack).has_warning("/Shop", Match.string_like_regexp("Orders: .* does not pin plain>=1"))


def test_package_that_only_another_one_asks_for_is_part_of_the_warning_and_of_the_hash(tmp_path: Path) -> None:
    stack, _, loose = synth(tmp_path, handler(tmp_path, "plain==1.0\n"))
    Annotations.from_stack(stack).has_warning("/Shop", Match.string_like_regexp("does not pin helper. Two machines"))
    stack, _, pinned = synth(tmp_path, handler(tmp_path, "plain==1.0\nhelper==2.0\n"))
    Annotations.from_stack(stack).has_no_warning("/Shop", Match.any_value())
    [bundle] = [path for path in (tmp_path / "cache" / "bundles").iterdir() if not path.name.startswith(".")][:1]
    (bundle / "helper-2.0.dist-info").rename(bundle / "helper-2.1.dist-info")
    assert len({loose, pinned, *(synth(tmp_path, handler(tmp_path, text))[2] for text in TWO)}) == 3


TWO = ("plain==1.0\n", "plain==1.0\nhelper==2.0\n")


def test_listing_other_stacks_installs_nothing(tmp_path: Path) -> None:
    context = {"aws:cdk:bundling-stacks": []}
    synth(tmp_path, handler(tmp_path, "onlysource==1.0\n"), context)
    assert not (tmp_path / "cache" / "bundles").exists()
