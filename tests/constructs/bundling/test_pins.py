"""What counts as a handler's dependencies, and which changes give another bundle."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from constructs_durable._bundling_pins import BundlingError, Dependencies, Target, find_dependencies

if TYPE_CHECKING:
    from pathlib import Path

ARM = Target("3.13", "aarch64")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_bytes(text.encode())
    return folder


def found(folder: Path) -> Dependencies:
    dependencies = find_dependencies(folder)
    assert dependencies is not None
    return dependencies


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"requirements__txt": "# nothing yet\n\n"},
        {"pyproject__toml": "[tool.ruff]\n"},
        {"pyproject__toml": "[project]\nname='x'\nversion='1'\n", "uv__lock": "version = 1\n"},
    ],
)
def test_folder_without_requirements_needs_no_bundling(tmp_path: Path, files: dict[str, str]) -> None:
    assert find_dependencies(write(tmp_path, **files)) is None


def test_lock_wins_over_requirements_and_requirements_over_project(tmp_path: Path) -> None:
    project = "[project]\nname='x'\nversion='1'\ndependencies=['plain>=1']\n"
    write(tmp_path, pyproject__toml=project)
    assert found(tmp_path).source.name == "pyproject.toml"
    write(tmp_path, requirements__txt="plain==1.0\n")
    assert found(tmp_path).source.name == "requirements.txt"
    write(tmp_path, uv__lock="version = 1\n")
    assert found(tmp_path).source.name == "uv.lock"


def test_comments_spaces_and_line_ends_do_not_change_the_hash(tmp_path: Path) -> None:
    first = found(write(tmp_path, requirements__txt="plain==1.0\nhelper==2.0\n")).digest(ARM)
    second = found(write(tmp_path, requirements__txt="# why\r\nplain==1.0   # here\r\n\r\nhelper==2.0\r\n")).digest(ARM)
    assert first == second


def test_version_python_and_machine_each_change_the_hash(tmp_path: Path) -> None:
    one = found(write(tmp_path, requirements__txt="plain==1.0\n"))
    digests = {one.digest(ARM), one.digest(Target("3.13", "x86_64")), one.digest(Target("3.14", "aarch64"))}
    two = found(write(tmp_path, requirements__txt="plain==1.1\n"))
    assert len({*digests, two.digest(ARM)}) == 4


def test_included_file_is_part_of_the_hash(tmp_path: Path) -> None:
    write(tmp_path, requirements__txt="-r base.txt\nplain==1.0\n", base__txt="helper==2.0\n")
    before = found(tmp_path)
    write(tmp_path, base__txt="helper==2.1\n")
    assert before.pins == "helper==2.0\nplain==1.0"
    assert found(tmp_path).digest(ARM) != before.digest(ARM)


def test_missing_and_circular_includes_are_named(tmp_path: Path) -> None:
    with pytest.raises(BundlingError, match=r"requirements.txt includes .*gone.txt, and there is no such file"):
        find_dependencies(write(tmp_path, requirements__txt="-r gone.txt\n"))
    with pytest.raises(BundlingError, match="includes itself"):
        find_dependencies(write(tmp_path, requirements__txt="-r requirements.txt\n"))


def test_ranges_are_reported_and_pins_are_not(tmp_path: Path) -> None:
    lines = "plain>=1\nhelper==2.*\nnative==1.0\nother==1.0 ; python_version > '3'\nthing @ https://example.com/t.whl\nbare\n"
    hashed = "safe==1.0 \\\n    --hash=sha256:abc\n"
    dependencies = found(write(tmp_path, requirements__txt=lines + hashed))
    assert dependencies.unpinned == ("plain>=1", "helper==2.*", "bare")


def test_lock_without_project_and_broken_project_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BundlingError, match=r"has no pyproject.toml beside it"):
        find_dependencies(write(tmp_path, uv__lock="version = 1\n"))
    with pytest.raises(BundlingError, match="is not valid TOML"):
        find_dependencies(write(tmp_path, pyproject__toml="[project\n"))


def test_lock_of_another_tool_is_an_error_that_says_how_to_export(tmp_path: Path) -> None:
    with pytest.raises(BundlingError, match=r"poetry.lock is not read.*Run `poetry export -o requirements.txt` there"):
        find_dependencies(write(tmp_path, poetry__lock=""))
    assert find_dependencies(write(tmp_path, requirements__txt="plain==1.0\n")) is not None


def test_plain_handlers_pay_no_import_for_bundling() -> None:
    """The part that starts installers is imported only for handlers that have dependencies."""
    import subprocess

    code = "import sys, constructs_durable.function; print('constructs_durable._bundling_install' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "line",
    ["-e .", "-e ../shared", "--editable=./shared", "./shared", "../shared[fast]", "shared @ file:///home/me/shared"],
)
def test_a_folder_whose_changes_no_pin_shows_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(BundlingError, match=r"requirements.txt names the folder .*\. Build a wheel of it"):
        find_dependencies(write(tmp_path, requirements__txt=f"plain==1.0\n{line}\n"))


@pytest.mark.parametrize(
    "line", ["./wheels/shared-1.0-py3-none-any.whl", "shared @ file:///w/s.whl", "a @ https://e.com/a"]
)
def test_a_file_or_an_address_may_be_named(line: str, tmp_path: Path) -> None:
    assert line in found(write(tmp_path, requirements__txt=f"{line}\n")).pins


def test_a_locked_folder_is_refused_but_the_project_itself_is_not(tmp_path: Path) -> None:
    project = '[project]\nname = "orders"\nversion = "1"\ndependencies = ["shared"]\n'
    lock = '[[package]]\nname = "orders"\nsource = {{ editable = "." }}\n[[package]]\nname = "s"\nsource = {}\n'
    assert found(write(tmp_path, pyproject__toml=project, uv__lock=lock.format('{ git = "e.com/shared" }')))
    with pytest.raises(BundlingError, match=r"uv.lock names the folder \.\./shared, whose changes no pin shows"):
        find_dependencies(write(tmp_path, uv__lock=lock.format('{ editable = "../shared" }')))


@pytest.mark.parametrize(
    "files",
    [
        {"requirements__txt": "plain==1.0\naws_cdk.lib==2.275.0\nconstructs>=10\n"},
        {"pyproject__toml": '[project]\nname = "x"\ndependencies = ["aws-cdk-lib>=2.232", "constructs"]\n'},
    ],
)
def test_the_requirements_of_the_app_itself_are_refused(files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(BundlingError, match=r"asks for aws-cdk-lib and constructs\. What declares a stack"):
        find_dependencies(write(tmp_path, **files))
