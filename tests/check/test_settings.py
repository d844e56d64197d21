"""Settings from `pyproject.toml` are read, and wrong ones are refused with their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from durable_check import Settings, SettingsError, check_paths
from durable_check._settings import find_pyproject, load, rule_ids

if TYPE_CHECKING:
    from pathlib import Path

BAD = """\
import time, uuid
from durable_runtime import durable_execution

@durable_execution
def handler(event, ctx):
    ctx.wait(60)
    return [time.time(), uuid.uuid4()]
"""


def test_all_keys_are_read(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(
        '[tool.durable-check]\nselect = ["DUR00"]\nignore = ["logger-in-orchestration"]\nexclude = ["gen/*"]\n'
        'fail-on = "error"\nper-file-ignores = { "tests/*.py" = ["DUR004"] }\n'
    )
    settings = load(file)
    assert settings.select == rule_ids(["DUR00"], "")
    assert settings.ignore == {"DUR008"}
    assert settings.exclude == ("gen/*",)
    assert settings.fail_on == "error"
    assert settings.per_file_ignores == {"tests/*.py": frozenset({"DUR004"})}


def test_a_file_without_the_table_gives_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[project]\nname = 'x'\n")
    assert load(file) == Settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[tool.durable-check]\nselekt = ["DUR001"]', "there is no setting `selekt`"),
        ('[tool.durable-check]\nselect = ["DUR777"]', "there is no rule `DUR777`"),
        ('[tool.durable-check]\nselect = "DUR001"', "expected a list of texts"),
        ('[tool.durable-check]\nfail-on = "fatal"', "`fatal` is not a severity"),
        ("[tool.durable-check]\nper-file-ignores = 5", "expected a table"),
        ("[tool.durable-check", "cannot be read"),
    ],
)
def test_wrong_settings_are_refused_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"pyproject\.toml") as error:
        load(file)
    assert message in str(error.value)


def test_the_nearest_pyproject_is_found(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_pyproject(str(inner)) == tmp_path / "pyproject.toml"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), ["DUR001", "DUR003"]),
        (Settings(select=frozenset({"DUR003"})), ["DUR003"]),
        (Settings(ignore=frozenset({"DUR003"})), ["DUR001"]),
        (Settings(exclude=("handler.py",)), []),
        (Settings(per_file_ignores={"handler.py": frozenset({"DUR001"})}), ["DUR003"]),
    ],
)
def test_settings_choose_what_is_reported(tmp_path: Path, settings: Settings, expected: list[str]) -> None:
    (tmp_path / "handler.py").write_text(BAD)
    assert [finding.rule for finding in check_paths([tmp_path], settings=settings).findings] == expected


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool]\ndurable-check = 3\n")
    with pytest.raises(SettingsError, match=r"\[tool.durable-check\]: expected a table, got 3"):
        load(file)
