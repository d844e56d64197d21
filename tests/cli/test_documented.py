"""The manual names every command and every option, and nothing that does not exist."""

from __future__ import annotations

import argparse
import importlib
import re
from pathlib import Path

import pytest

from durable_cli.main import SUBCOMMANDS, main

MANUAL = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text()
SECTIONS = {
    match[1]: match[2]
    for match in re.finditer(r"^## `durable (\w+)`\n(.*?)(?=^## |\Z)", MANUAL, re.MULTILINE | re.DOTALL)
}


def options_of(name: str) -> set[str]:
    module = importlib.import_module(SUBCOMMANDS[name].module)
    parser = argparse.ArgumentParser(prog=name)
    module.configure(parser)
    return {option for action in parser._actions for option in action.option_strings if option.startswith("--")}


def test_every_command_has_a_section() -> None:
    assert set(SECTIONS) == set(SUBCOMMANDS)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_commands_options_are_the_documented_ones(name: str) -> None:
    documented = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", SECTIONS[name]))
    assert options_of(name) - {"--help"} == documented


def test_without_a_command_the_overview_is_printed_and_the_exit_code_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().err


def test_an_unknown_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chekc"]) == 2
    assert "Did you mean `durable check`?" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_names_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in SUBCOMMANDS)
