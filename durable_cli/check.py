"""Find replay bugs in workflow code: `durable check src/`.

Exit code 0: nothing at or above `--fail-on`. 1: findings. 2: the command or its configuration is wrong.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from durable_check import Report, Settings

EXIT_FINDINGS = 1
EXIT_USAGE = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `durable check`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("paths", nargs="*", default=None, metavar="PATH", help="files and folders (default: .)")
    parser.add_argument(
        "--format", choices=["text", "json", "sarif", "github"], default="text", help="form of the report"
    )
    parser.add_argument("--output", metavar="FILE", help="write the report to a file instead of standard output")
    parser.add_argument("--select", action="append", metavar="RULES", help="run only these rules (ids or names)")
    parser.add_argument("--ignore", action="append", metavar="RULES", help="leave these rules out")
    parser.add_argument("--exclude", action="append", metavar="GLOB", help="skip files and folders that match")
    parser.add_argument(
        "--fail-on",
        choices=["error", "warning", "info", "never"],
        help="mildest severity that makes the exit code 1 (default: warning)",
    )
    parser.add_argument("--config", metavar="FILE", help="pyproject.toml to read (default: the nearest one)")
    parser.add_argument("--no-config", action="store_true", help="read no pyproject.toml")
    parser.add_argument("--baseline", metavar="FILE", help="compare the operations with a recorded baseline")
    parser.add_argument("--write-baseline", metavar="FILE", help="record the operations and exit")
    parser.add_argument("--fix", action="store_true", help="show the safe fixes as a diff and apply them")
    parser.add_argument("--diff", action="store_true", help="show the safe fixes as a diff and change nothing")
    parser.add_argument("--quiet", action="store_true", help="print no notes about what could not be resolved")
    parser.add_argument("--explain", metavar="RULE", help="explain one rule and exit")
    parser.add_argument("--list-rules", action="store_true", help="list all rules and exit")


def run(arguments: argparse.Namespace) -> int:
    """Check, and return the exit code."""
    from durable_check import SettingsError
    from durable_check._baseline import BaselineError

    try:
        if arguments.explain is not None:
            return _explain(arguments.explain)
        if arguments.list_rules:
            return _list_rules()
        return _check(arguments)
    except (SettingsError, BaselineError) as error:
        print(f"durable check: {error}", file=sys.stderr)
        return EXIT_USAGE


def _explain(name: str) -> int:
    from durable_check import SettingsError, explain
    from durable_check.rules import find

    rule = find(name)
    if rule is None:
        raise SettingsError(f"--explain: there is no rule `{name}`. `durable check --list-rules` shows all of them.")
    print(explain(rule), end="")
    return 0


def _list_rules() -> int:
    from durable_check import RULES

    width = max(len(rule.name) for rule in RULES.values())
    for rule in RULES.values():
        print(f"{rule.id}  {rule.name:<{width}}  {rule.severity}")
    return 0


def _settings(arguments: argparse.Namespace, start: str) -> Settings:
    from durable_check import Settings
    from durable_check._settings import find_pyproject, load, rule_ids, severity

    file = Path(arguments.config) if arguments.config else find_pyproject(start)
    settings = Settings() if arguments.no_config or file is None else load(file)
    if arguments.select:
        settings = settings.changed(select=rule_ids(_split(arguments.select), "--select"))
    if arguments.ignore:
        settings = settings.changed(ignore=settings.ignore | rule_ids(_split(arguments.ignore), "--ignore"))
    if arguments.exclude:
        settings = settings.changed(exclude=(*settings.exclude, *arguments.exclude))
    if arguments.fail_on and arguments.fail_on != "never":
        settings = settings.changed(fail_on=severity(arguments.fail_on, "--fail-on"))
    return settings


def _split(values: list[str]) -> list[str]:
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def _check(arguments: argparse.Namespace) -> int:
    from durable_check import SettingsError, check_paths

    paths = arguments.paths or ["."]
    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        raise SettingsError(f"{missing[0]}: there is no such file or folder.")
    settings = _settings(arguments, paths[0])
    report = check_paths(paths, settings=settings)
    if arguments.write_baseline:
        return _write_baseline(report, Path(arguments.write_baseline))
    if (arguments.fix or arguments.diff) and _fix(report, arguments):
        report = check_paths(paths, settings=settings)
    if arguments.baseline:
        _compare(report, Path(arguments.baseline), settings)
    _print(report, arguments)
    if arguments.fail_on == "never":
        return 0
    return EXIT_FINDINGS if any(settings.fails(finding.severity) for finding in report.findings) else 0


def _write_baseline(report: Report, file: Path) -> int:
    from durable_check._baseline import record

    _write(file, record(report, str(file.parent)))
    print(f"{file}: {len(report.operations)} operations of {len(report.handlers)} handlers recorded.")
    return 0


def _compare(report: Report, file: Path, settings: Settings) -> None:
    from durable_check._baseline import compare, load

    if settings.runs("DUR025"):
        report.findings.extend(compare(report, load(file), str(file.parent), str(file)))
        report.findings.sort(key=lambda finding: (finding.path, finding.line, finding.column, finding.rule))


def _fix(report: Report, arguments: argparse.Namespace) -> bool:
    """Show the safe fixes as a diff, apply them when asked; return whether files changed."""
    from durable_check._fixing import fixed_files

    changes = fixed_files(report.findings)
    stream = sys.stdout if arguments.format == "text" else sys.stderr
    for change in changes:
        _say(change.diff(), stream)
    if not arguments.fix or not changes:
        return False
    for change in changes:
        change.write()
    count = sum(change.applied for change in changes)
    print(f"applied {count} fixes in {len(changes)} files\n", file=sys.stderr)
    return True


def _print(report: Report, arguments: argparse.Namespace) -> None:
    from durable_check._output import FORMATS

    text = FORMATS[arguments.format](report)
    if arguments.output:
        _write(Path(arguments.output), text)
    else:
        _say(text)
    if not arguments.quiet:
        for note in report.notes:
            print(f"note: {note.path}:{note.line}: {note.message}", file=sys.stderr)


def _say(text: str, stream: TextIO | None = None) -> None:
    """Print, whatever the source lines hold and whatever the terminal can show."""
    from durable_check import SettingsError

    stream = stream or sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), end="", file=stream, flush=True)
    except BrokenPipeError:
        raise  # whoever reads has seen enough: `durable check | head`
    except OSError as error:
        raise SettingsError(f"the report cannot be printed: {error.strerror or error}.") from error


def _write(file: Path, text: str) -> None:
    from durable_check import SettingsError

    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written: {error.strerror or error}.") from error
