"""The unzipped layer is the runtime: every module, every name, every line, in every Python it serves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from constructs_durable import _layer_archive, _layer_content
from constructs_durable._lean_source import lean_source

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "runtime"
PACKAGE = RUNTIME / "durable_runtime"
NEWEST = ROOT / ".venv313" / "bin" / "python"
PYTHONS = [sys.executable, *([str(NEWEST)] if NEWEST.exists() else [])]
MODULES = sorted(
    ".".join(path.relative_to(RUNTIME).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)

every_python = pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).parents[1].name)


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unzip a layer as Lambda does, with the drop-in names, where nothing may be written."""
    folder = tmp_path_factory.mktemp("opt")
    with zipfile.ZipFile(_layer_content.layer_content(aws_sdk_alias=True).archive()) as archive:
        archive.extractall(folder)
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder / "python"


def run(
    python: str, layer: Path, code: str, *options: str, paths: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run code with nothing on its path but the standard library, the layer and what else is given."""
    code = f"import sys; sys.path[:0] = {[str(layer), *paths]!r}\n{code}"
    return subprocess.run(
        [python, "-I", "-S", "-B", *options, "-c", code], capture_output=True, text=True, check=False, cwd=layer
    )


def printed(python: str, layer: Path, code: str, **options: tuple[str, ...]) -> object:
    ran = run(python, layer, code, **options)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def source_line(file: str, number: int) -> str:
    """Return a line of the repository's runtime that stands in the layer under the same name and number."""
    path = PACKAGE / file.partition("durable_runtime/")[2]
    return path.read_text().split("\n")[number - 1].partition("  #")[0].strip()


def site_packages_of(python: str) -> str:
    found = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


# -- what is in the zip --------------------------------------------------------------------------------------


def test_the_zip_does_not_grow_unnoticed() -> None:
    """The goals are 80 KB to upload and 350 KB to unpack; benchmarks/README.md has the figures."""
    archive = _layer_content.layer_content().archive()
    assert archive.stat().st_size <= 84 * 1024
    with zipfile.ZipFile(archive) as opened:
        assert sum(entry.file_size for entry in opened.infolist()) <= 350 * 1024


def test_the_zip_holds_the_package_its_loader_and_one_text() -> None:
    with zipfile.ZipFile(_layer_content.layer_content(aws_sdk_alias=True).archive()) as archive:
        assert archive.namelist() == [
            "python/aws_durable_execution_sdk_python/__init__.py",
            "python/durable_runtime/__init__.py",
            "python/durable_runtime/_layer.py",
            "python/durable_runtime/modules.txt",
        ]


@pytest.mark.parametrize("python", PYTHONS[-1:])
def test_any_python_packs_the_same_bytes(python: str, tmp_path: Path) -> None:
    """Whatever the order in which sets are walked, and however this Python tells tokens apart."""
    runtime = shutil.copytree(PACKAGE, tmp_path / "durable_runtime")
    code = (
        "from pathlib import Path; from constructs_durable import _layer_content as content;"
        f"content.runtime_folder = lambda: Path({str(runtime)!r}); print(content.layer_content().archive())"
    )
    contents = []
    for each, seed in ((sys.executable, "1"), (python, "2")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "CONSTRUCTS_DURABLE_CACHE": str(tmp_path / seed)}
        done = subprocess.run([each, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
        with zipfile.ZipFile(done.stdout.strip()) as archive:
            contents.append([(name, archive.read(name)) for name in archive.namelist()])
    assert contents[0] == contents[1]


def packed(tmp_path: Path, **sources: str) -> Path:
    finished = tmp_path / "layer.zip"
    files = [(f"python/durable_runtime/{name}.py", text.encode()) for name, text in sources.items()]
    _layer_archive.write_archive([*files, ("python/durable_runtime/_layer.py", b"")], "durable_runtime", finished)
    return finished


@pytest.mark.parametrize(
    ("start", "pointed"),
    [
        ('"""Two\nlines."""\nA = 1\n', "{}\n\nA = 1\n"),
        (
            '"""One."""\n\nfrom __future__ import annotations\n\nA: int = 1\n',
            "\n\nfrom __future__ import annotations\n{}\nA = 1\n",
        ),
        ("\nA = 1\n", "{}\nA = 1\n"),
        ("", "{}"),
    ],
)
def test_the_pointer_to_the_text_moves_no_line(start: str, pointed: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed(tmp_path, __init__=start)) as archive:
        found = archive.read("python/durable_runtime/__init__.py").decode()
    assert found.rstrip("\n") == pointed.format(
        "from durable_runtime._layer import PLACE; __path__.append(PLACE)"
    ).rstrip("\n")


def test_a_package_without_room_for_the_pointer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"durable_runtime/__init__.py has no empty line.*leave one below the docstr"):
        packed(tmp_path, __init__="from __future__ import annotations\nA = 1\n\nB = 2\n")
    assert list(tmp_path.iterdir()) == []


def test_a_module_with_a_form_feed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"other\.py holds a form feed"):
        packed(tmp_path, __init__="", other='A = "\f"\n')


def test_modules_of_like_wording_lie_side_by_side() -> None:
    near = "def charge(order, amount): return gateway.charge(order.id, amount, currency='EUR')\n"
    far = "class Window:\n    title = 'Orders'\n    size = 800, 600\n"
    order = list(_layer_archive._by_likeness({"a": near, "b": far, "c": near + "X = 1\n", "d": far + "Y = 2\n"}))
    assert order.index("c") == order.index("a") + 1
    assert abs(order.index("b") - order.index("d")) == 1


# -- what runs from it ---------------------------------------------------------------------------------------


@every_python
@pytest.mark.parametrize("name", ["durable_runtime", "aws_durable_execution_sdk_python"])
def test_every_module_is_importable_under_both_names(python: str, layer: Path, name: str) -> None:
    code = f"""
import importlib, json
mine = {MODULES!r}
found = [importlib.import_module(module.replace("durable_runtime", {name!r}, 1)) for module in mine]
print(json.dumps([[module.__name__, module.__file__] for module in found]))
"""
    files = {
        module: str(layer / path.relative_to(RUNTIME))
        for path in PACKAGE.rglob("*.py")
        for module in [".".join(path.relative_to(RUNTIME).with_suffix("").parts).removesuffix(".__init__")]
    }
    site = (site_packages_of(python),)  # for opentelemetry, which the optional module needs
    assert printed(python, layer, code, paths=site) == [[module, files[module]] for module in MODULES]


@every_python
def test_the_loader_needs_nothing_that_lambda_has_not_loaded_before(python: str, layer: Path) -> None:
    code = "import json, sys, durable_runtime; print(json.dumps(sorted({*sys.modules})))"
    own, repository = (printed(python, folder, code) for folder in (layer, RUNTIME))
    assert isinstance(own, list)
    assert isinstance(repository, list)
    known = {"genericpath", "importlib", "os", "posixpath", "stat", "_stat", "warnings"}
    assert {name for name in {*own} - {*repository} if name.partition(".")[0] not in known} == {
        "durable_runtime._layer"
    }


@every_python
def test_the_package_lists_its_modules(python: str, layer: Path) -> None:
    code = (
        "import json, pkgutil, durable_runtime\n"
        "found = pkgutil.walk_packages(durable_runtime.__path__, 'durable_runtime.')\n"
        "print(json.dumps(sorted(module.name for module in found)))"
    )
    assert printed(python, layer, code) == sorted([*MODULES[1:], "durable_runtime._layer"])


@every_python
def test_a_module_that_is_not_there_fails_as_it_always_does(python: str, layer: Path) -> None:
    code = """
import json
def message(name):
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        return [str(error), error.name]
print(json.dumps([message("durable_runtime.nothing"), message("durable_runtime.concurrency.nothing")]))
"""
    names = ["durable_runtime.nothing", "durable_runtime.concurrency.nothing"]
    assert printed(python, layer, code) == [[f"No module named {name!r}", name] for name in names]


@every_python
def test_the_package_may_be_reloaded(python: str, layer: Path) -> None:
    code = """
import importlib, json, sys
import durable_runtime
importlib.invalidate_caches()
sys.path_importer_cache.clear()
importlib.reload(durable_runtime)
from durable_runtime.concurrency import models
importlib.reload(models)
print(json.dumps(durable_runtime.BatchResult is models.BatchResult))
"""
    assert printed(python, layer, code) is True


@every_python
def test_a_traceback_shows_file_line_and_source(python: str, layer: Path) -> None:
    code = """
import json, traceback
from durable_runtime.config import CompletionConfig
try:
    CompletionConfig(should_complete=1)
except Exception as error:
    frames = traceback.extract_tb(error.__traceback__)[1:]
print(json.dumps([[frame.filename, frame.lineno, frame.line] for frame in frames]))
"""
    frames = printed(python, layer, code)
    assert isinstance(frames, list)
    assert {Path(file).name for file, _number, _line in frames} == {"_record.py", "config.py"}
    for file, number, line in frames:
        assert file.startswith(str(layer / "durable_runtime"))
        assert line == source_line(file, number) != ""


@every_python
def test_functions_and_classes_show_their_source(python: str, layer: Path) -> None:
    code = """
import inspect, json
from durable_runtime import Duration, StepError, retries
found = [retries.create_retry_strategy, Duration, StepError, retries]
print(json.dumps([[inspect.getsourcefile(each), *inspect.getsourcelines(each)] for each in found]))
"""
    shown = printed(python, layer, code)
    assert isinstance(shown, list)
    for file, lines, first in shown:
        assert len(lines) > 1
        shipped = lean_source((PACKAGE / Path(file).name).read_text()).splitlines(keepends=True)
        assert lines == shipped[max(first - 1, 0) :][: len(lines)]


@every_python
def test_a_debugger_steps_into_the_layer_and_lists_it(python: str, layer: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path[:0] = [{str(layer)!r}]\nfrom durable_runtime import Duration\nDuration.from_days(2)\n"
    )
    steps = ["next", "next", "step", "list", "continue", "quit", "quit"]
    ran = subprocess.run(
        [python, "-B", "-m", "pdb", str(script)], input="\n".join(steps), capture_output=True, text=True, check=False
    )
    assert "durable_runtime/_duration.py" in ran.stdout, ran.stdout + ran.stderr
    assert "->\t @classmethod" in ran.stdout
    assert "def from_days(cls, " in ran.stdout


@every_python
def test_import_times_name_the_modules(python: str, layer: Path) -> None:
    ran = run(python, layer, "import durable_runtime.config", "-X", "importtime")
    assert ran.returncode == 0
    assert {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()} >= {
        "durable_runtime",
        "durable_runtime.config",
    }


@every_python
def test_nothing_is_written_into_the_layer(python: str, layer: Path) -> None:
    """Not even where it could be: byte code of the runtime belongs to no layer."""
    ran = run(python, layer, "sys.dont_write_bytecode = False; import durable_runtime.async_context")
    assert ran.returncode == 0, ran.stderr
    written = [path.name for path in layer.rglob("*.pyc")]
    assert [name for name in written if not name.startswith(("__init__.", "_layer."))] == []
