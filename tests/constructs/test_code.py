"""What of a folder becomes a function's code, and the hash that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
import pytest

from constructs_durable import DurableInputError
from constructs_durable._code import LEFT_OUT, code_files, folder_digest
from tests.constructs.support import a_function, of_type

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HANDLER = "from durable_runtime import durable_execution\n\n@durable_execution\ndef handler(event, ctx): ...\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as they are: code, data, a link, and what tools leave behind, at two depths."""
    code = tmp_path / "code"
    for base in (code, code / "orders" / "deep"):
        base.mkdir(parents=True)
        for name in LEFT_OUT:
            if name.startswith("*"):
                (base / f"left{name[1:]}").write_text("left out")
            else:
                (base / name / "inner").mkdir(parents=True)
                (base / name / "inner" / "file.txt").write_text("left out")
    (code / "app.py").write_text(HANDLER)
    (code / "orders" / "deep" / "prices.json").write_text("{}\r\n")
    (code / "orders" / "latest.json").symlink_to("deep/prices.json")
    return code


def staged(folder: Path, outdir: Path) -> tuple[set[str], str]:
    """Return the files of the asset that CDK stages for the folder, and its name."""
    app = cdk.App(outdir=str(outdir))
    a_function(cdk.Stack(app, "Demo"), entry=folder)
    template = app.synth().get_stack_by_name("Demo").template
    [function] = of_type(template["Resources"], "AWS::Lambda::Function").values()
    name = function["Properties"]["Code"]["S3Key"].removesuffix(".zip")
    asset = outdir / f"asset.{name}"
    return {path.relative_to(asset).as_posix() for path in asset.rglob("*") if path.is_file()}, name


def test_the_hash_covers_exactly_the_files_that_are_staged(folder: Path, tmp_path: Path) -> None:
    files, _ = staged(folder, tmp_path / "out")
    assert files == {path.relative_to(folder).as_posix() for path in code_files(folder)}
    assert files == {"app.py", "orders/deep/prices.json", "orders/latest.json"}


CHANGES: dict[str, tuple[Callable[[Path], object], bool]] = {
    "content": (lambda folder: (folder / "app.py").write_text(f"{HANDLER}\n# changed"), True),
    "a new file": (lambda folder: (folder / "more.py").write_text(""), True),
    "a name": (lambda folder: (folder / "orders/deep/prices.json").rename(folder / "orders/deep/costs.json"), True),
    "what a link leads to": (lambda folder: (folder / "orders/deep/prices.json").write_text("[]"), True),
    "line ends": (lambda folder: (folder / "orders/deep/prices.json").write_bytes(b"{}\n"), False),
    "byte code": (lambda folder: (folder / "orders/app.pyc").write_bytes(b"1"), False),
    "a virtual environment": (lambda folder: (folder / ".venv/inner/file.txt").write_text("2"), False),
    "times": (lambda folder: (folder / "app.py").touch(), False),
    "a link that leads back up": (lambda folder: (folder / "orders/up").symlink_to(folder), False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_code_changes_the_hash_and_nothing_else_does(folder: Path, change: str) -> None:
    make, expected = CHANGES[change]
    before = folder_digest(folder)
    make(folder)
    assert (folder_digest(folder) != before) == expected


def test_the_same_code_has_the_same_name_in_every_folder_and_app(folder: Path, tmp_path: Path) -> None:
    _, here = staged(folder, tmp_path / "one")
    _, again = staged(folder.rename(tmp_path / "moved"), tmp_path / "two")
    assert here == again


def test_a_folder_that_would_be_copied_into_itself_is_refused(folder: Path) -> None:
    with pytest.raises(
        DurableInputError, match=r"Demo/Orders: entry is .*code, and the app is synthesized into .*build"
    ):
        staged(folder, folder / "build")
    files, _ = staged(folder, folder / "cdk.out")
    assert "app.py" in files
