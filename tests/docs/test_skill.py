"""The skill can be loaded, its references are all there, and the commands it names are taken by the parsers."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path

import pytest

from durable_check import RULES
from durable_cli.main import SUBCOMMANDS

SKILL = Path(__file__).resolve().parents[2] / "skill"
PAGES = sorted(SKILL.rglob("*.md"))
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in PAGES}


def commands() -> list[str]:
    """Return the `durable …` lines of console blocks and of inline code that carry arguments."""
    found = []
    for text in TEXTS.values():
        found += re.findall(r"^\$ (durable [^#\n]+)", text, re.MULTILINE)
        found += re.findall(r"`(durable [^`\n]+)`", text)
    return sorted({command.strip() for command in found})


def test_the_front_matter_names_and_describes_the_skill() -> None:
    matter = TEXTS["SKILL.md"].split("---\n")[1]
    assert re.search(r"^name: [a-z0-9-]{1,64}$", matter, re.MULTILINE)
    description = " ".join(matter.partition("description: >-\n")[2].split())
    assert 0 < len(description) <= 1024


def test_every_reference_is_named_and_every_named_one_is_there() -> None:
    named = set(re.findall(r"`(references/[\w-]+\.md)`", TEXTS["SKILL.md"]))
    assert named == {str(page.relative_to(SKILL)) for page in PAGES if page.name != "SKILL.md"}


def test_rules_that_are_named_exist() -> None:
    named = {rule for text in TEXTS.values() for rule in re.findall(r"DUR\d{3}", text)}
    assert named
    assert named <= RULES.keys()


@pytest.mark.parametrize("command", commands())
def test_a_command_is_one_that_its_parser_takes(command: str) -> None:
    _, name, *arguments = shlex.split(command.replace("<folder>", "src"))
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(SUBCOMMANDS[name].module).configure(parser)
    parser.parse_args(arguments)
