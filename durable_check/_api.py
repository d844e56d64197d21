"""The two entries: check paths, check one Lambda handler."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from durable_check import _ignores, _sources
from durable_check._engine.folders import root_of
from durable_check._engine.modules import Project, imported_names, stem_of
from durable_check._engine.names import PACKAGES
from durable_check._engine.roots import hands_on_decorator, scan, walk_leftovers
from durable_check._engine.run import Engine, qualified
from durable_check._model import Finding, Note, Report
from durable_check._problems import Collector
from durable_check._settings import Settings
from durable_check.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_check._engine.modules import ModuleInfo

RECURSION_LIMIT = 5_000  # a chain of followed calls takes about 15 Python frames for each
_DURABLE_NAMES = ("durable_runtime", "durable_execution")


def mentions_durable(text: str) -> bool:
    """Whether a file can hold anything of interest by itself."""
    return any(name in text for name in _DURABLE_NAMES) or "# durable:" in text


def check_paths(paths: Iterable[str | os.PathLike[str]], *, settings: Settings | None = None) -> Report:
    """Check files and folders, following imports between the project's files.

    Args:
        paths: Files and folders. A folder is the root its files import from.
        settings: What to run; the defaults when None. `pyproject.toml` is read by the command, not here.

    Returns:
        The report. A file that cannot be read is a finding in it, or a note when nothing durable depends on it.
    """
    settings = settings or Settings()
    check = _Check(settings)
    collecting = gc.isenabled()
    gc.disable()  # syntax trees are big and free of garbage; collecting them is half of the parsing time
    try:
        for path in paths:
            check.add(os.fspath(path))
        return check.run()
    finally:
        if collecting:
            gc.enable()


def check_handler(entry: str | os.PathLike[str], handler: str, *, settings: Settings | None = None) -> list[Finding]:
    """Check the code behind one Lambda function.

    Args:
        entry: The folder of the function's code.
        handler: The handler string, ``module.function`` or ``package/module.function``.
        settings: What to run; the defaults when None.

    Returns:
        The findings in the handler's file and in the files it reaches.
    """
    settings = settings or Settings()
    module, _, function = handler.rpartition(".")
    folder = Path(entry)
    stem = folder.joinpath(*module.replace("/", ".").split(".")) if module else folder
    file = next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)
    if file is None:
        wanted = str(stem.with_suffix(".py"))
        return [
            _unreadable(wanted, _sources.Trouble(1, 1, f"the handler `{handler}` needs this file: it is not there"))
        ]
    check = _Check(settings)
    loaded = check.load(str(file), str(folder), named=True)
    if loaded is not None and function not in loaded.bindings and not loaded.stars:
        message = f"the handler `{handler}` names `{function}`, and this file defines no such name"
        return [_unreadable(str(file), _sources.Trouble(1, 1, message))]
    return check.run().findings


def _unreadable(path: str, trouble: _sources.Trouble) -> Finding:
    rule = RULES["DUR090"]
    return Finding(rule.id, rule.severity, path, trouble.line, trouble.column, trouble.message, rule.fix)


class _Check:
    """One run over one project."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.project = Project()
        self.collector = Collector(settings)
        self.engine = Engine(self.project, self.collector.listen)
        self.read: list[str] = []
        self.durable: list[ModuleInfo] = []
        self.findings: list[Finding] = []
        self.others: list[tuple[str, str, frozenset[str]]] = []  # files that name nothing durable, and their imports
        self.listed: set[str] = set()  # unreadable files that were found, not named

    def add(self, path: str) -> None:
        if Path(path).is_dir():
            for file in _sources.python_files(path, self.settings.exclude):
                self.load(file, path, named=False)
        else:
            self.load(path, root_of(path), named=True)

    def load(self, path: str, root: str, *, named: bool) -> ModuleInfo | None:
        self.read.append(path)
        module = self.project.load(path, root)
        if module is None:
            key = os.path.realpath(path)
            if not named and not _mentions_in_bytes(path):
                self.listed.add(key)
            return None
        if (named or mentions_durable(module.source.text)) and not _is_runtime(path):
            self.durable.append(module)
        else:
            self.others.append((path, root, imported_names(module)))
            self.project.forget(module)  # a big tree of code without workflows must not pile up
        return module

    def run(self) -> Report:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
        try:
            self._walk()
        finally:
            sys.setrecursionlimit(limit)
        return self._report()

    def _walk(self) -> None:
        for module in self.durable:
            scan(self.engine, module)
        self._scan_importers()
        self.engine.drain()
        for module in self.durable:
            walk_leftovers(self.engine, module)
        self.engine.drain()

    def _scan_importers(self) -> None:
        """Scan files that get the decorator under the project's own name: `from ours import workflow`."""
        homes = {stem_of(module) for module in self.durable if hands_on_decorator(self.engine, module)}
        while homes:
            importers = [other for other in self.others if other[2] & homes]
            self.others = [other for other in self.others if not other[2] & homes]
            homes = set()
            for path, root, _ in importers:
                module = self.project.load(path, root)
                if module is not None:
                    self.durable.append(module)
                    scan(self.engine, module)
                    if hands_on_decorator(self.engine, module):
                        homes.add(stem_of(module))

    def _report(self) -> Report:
        findings = self.collector.finish(self.engine)
        notes = list(self.engine.notes)
        for key, trouble in self.project.troubles.items():
            path = self.project.trouble_path(key)
            if key in self.listed and key not in self.project.wanted:
                notes.append(Note(path, trouble.line, trouble.message))
            elif self.settings.runs("DUR090"):
                findings.append(_unreadable(path, trouble))
        return Report(
            findings=self._kept(findings),
            notes=sorted(notes),
            read=self.read,
            handlers=[f"{info.module.path}:{qualified(info)}" for info in self.engine.handlers],
            operations=list(self.engine.operations.values()),
        )

    def _kept(self, findings: list[Finding]) -> list[Finding]:
        by_path: dict[str, list[Finding]] = {}
        for finding in findings:
            if not self.settings.ignored_in(finding.rule, finding.path):
                by_path.setdefault(finding.path, []).append(finding)
        texts = {module.path: module.source.text for module in self.project.modules.values()}
        looked_at = {module.path for module in (*self.durable, *self.engine.reached)}
        kept: list[Finding] = []
        for path in sorted(looked_at | set(by_path)):
            kept.extend(_ignores.apply(path, texts.get(path, ""), by_path.get(path, []), self.settings))
        return sorted(kept, key=lambda finding: (finding.path, finding.line, finding.column, finding.rule))


def _is_runtime(path: str) -> bool:
    """Whether a file belongs to a durable package itself, whose code drives workflows and is none."""
    return any(part in PACKAGES for part in Path(path).parts[:-1])


def _mentions_in_bytes(path: str) -> bool:
    try:
        data = Path(path).read_bytes()
    except OSError:
        return False
    return any(name.encode() in data for name in _DURABLE_NAMES)
