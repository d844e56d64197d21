"""The entry points: what they follow, what they return, and what they leave alone."""

from __future__ import annotations

import gc
from pathlib import Path

from durable_check import Finding, check_handler, check_paths

HANDLER = """\
from durable_runtime import durable_execution
from shop.store import save

@durable_execution
def handler(event, ctx):
    save(event)
    ctx.wait(60)
"""
STORE = "import boto3\nclient = boto3.client('s3')\ndef save(x):\n    client.put_object(Body=x)\n"


def project(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").write_text("")
    (folder / "shop" / "store.py").write_text(STORE)
    (folder / "app.py").write_text(HANDLER)


def test_a_handler_is_checked_with_the_files_it_reaches(tmp_path: Path) -> None:
    project(tmp_path)
    (finding,) = check_handler(tmp_path, "app.handler")
    assert finding.as_dict() == {
        "rule": "DUR004",
        "severity": "error",
        "path": str(tmp_path / "shop" / "store.py"),
        "line": 4,
        "column": 5,
        "message": "`client.put_object(Body=x)` calls an AWS service in `save` (called from the handler `handler`): "
        "it happens again on every replay",
        "fix": finding.fix,
    }
    assert Finding(*finding.as_dict().values()) == finding


def test_handler_strings_may_name_packages_with_dots_or_slashes(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "shop" / "flow.py").write_text(HANDLER.replace("from shop.store", "from .store"))
    assert len(check_handler(tmp_path, "shop.flow.handler")) == 1
    assert len(check_handler(str(tmp_path), "shop/flow.handler")) == 1


def test_one_file_alone_is_followed_into_its_siblings(tmp_path: Path) -> None:
    project(tmp_path)
    report = check_paths([tmp_path / "app.py"])
    assert [Path(finding.path).name for finding in report.findings] == ["store.py"]
    assert report.files == 1
    assert report.handlers == [f"{tmp_path / 'app.py'}:handler"]


def test_src_layouts_and_environments_are_understood(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    project(source)
    (tmp_path / "run.py").write_text(HANDLER)
    for name in (".venv", "env", "node_modules", "cdk.out"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bad.py").write_text(HANDLER + "    return open('x')\n")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    report = check_paths([tmp_path])
    assert {Path(finding.path).name for finding in report.findings} == {"store.py"}
    assert report.files == 4


def test_findings_are_sorted_and_the_report_knows_the_worst(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text(HANDLER.replace("save(event)", "print(event)"))
    (tmp_path / "a.py").write_text(HANDLER.replace("save(event)", "return [open('x'), open('y')]"))
    report = check_paths([tmp_path])
    assert [(Path(finding.path).name, finding.line) for finding in report.findings] == [
        ("a.py", 6),
        ("a.py", 6),
        ("b.py", 6),
    ]
    assert report.worst() == "error"
    assert check_paths([tmp_path / "none"]).worst() == "error"


def test_the_same_file_given_twice_is_one_file_with_one_finding(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(HANDLER.replace("save(event)", "open('x')"))
    assert len(check_paths([file, tmp_path, file]).findings) == 1


def test_functions_nobody_calls_are_checked_by_their_decorator_or_annotation(tmp_path: Path) -> None:
    (tmp_path / "lib.py").write_text(
        "import time\n"
        "from durable_runtime import DurableContext, durable_step, durable_with_child_context\n"
        "@durable_with_child_context\n"
        "def child(ctx):\n    return time.time()\n"
        "def helper(x, ctx: 'DurableContext'):\n    return time.time()\n"
        "@durable_step\n"
        "def step(ctx):\n    return time.time()\n"
        "def plain(ctx):\n    return time.time()\n"
    )
    assert [finding.line for finding in check_paths([tmp_path]).findings] == [5, 7]


def test_handlers_are_found_however_they_are_made(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import time\n"
        "import durable_runtime as d\n"
        "from durable_runtime import durable_execution as workflow\n"
        "@workflow(plugins=[])\ndef one(event, ctx):\n    return time.time()\n"
        "def two(event, ctx):\n    return time.time()\n"
        "two = workflow(two)\n"
        "three = d.durable_execution(lambda event, ctx: time.time())\n"
        "def factory():\n"
        "    @d.durable_execution\n    def four(event, ctx):\n        return time.time()\n"
        "    return four\n"
        "class Shop:\n    @workflow\n    def five(self, event, ctx):\n        return time.time()\n"
        "if True:\n    @workflow\n    async def six(event, ctx):\n        return time.time()\n"
    )
    report = check_paths([tmp_path])
    assert [finding.line for finding in report.findings] == [6, 8, 10, 14, 19, 23]


def test_a_check_leaves_the_garbage_collector_as_it_was(tmp_path: Path) -> None:
    assert gc.isenabled()
    check_paths([tmp_path])
    assert gc.isenabled()


def test_an_entry_may_import_its_handler_from_elsewhere(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "app.py").rename(tmp_path / "shop" / "flow.py")
    (tmp_path / "app.py").write_text("from shop.flow import handler\n")
    assert [finding.rule for finding in check_handler(tmp_path, "app.handler")] == ["DUR004"]


def test_bundled_libraries_are_not_the_projects_code(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import requests, vendor\nfrom durable_runtime import durable_execution\n"
        "@durable_execution\ndef handler(event, ctx):\n    requests.get('x')\n    vendor.go()\n    ctx.wait(5)\n"
    )
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "__init__.py").write_text("import time\ndef get(x):\n    time.sleep(1)\n")
    (tmp_path / "vendor.py").write_text("import time\ndef go():\n    return time.time()\n")
    (tmp_path / "vendor-1.0.dist-info").mkdir()
    (tmp_path / "vendor-1.0.dist-info" / "RECORD").write_text("vendor.py,sha256=x,10\nvendor-1.0.dist-info/RECORD,,\n")
    (finding,) = check_handler(tmp_path, "app.handler")
    assert (finding.rule, finding.line) == ("DUR004", 5)


def test_a_decorator_under_the_projects_own_name_is_followed(tmp_path: Path) -> None:
    package = tmp_path / "ours"
    package.mkdir()
    (package / "__init__.py").write_text("from .base import workflow\n")
    (package / "base.py").write_text("from durable_runtime import durable_execution as workflow\n")
    (tmp_path / "app.py").write_text(
        "import time\nfrom ours import workflow\n@workflow\ndef handler(event, ctx):\n    return time.time()\n"
    )
    (tmp_path / "script.py").write_text("import time\nprint(time.time())\n")
    report = check_paths([tmp_path])
    assert [(Path(finding.path).name, finding.line) for finding in report.findings] == [("app.py", 5)]
    assert len(report.handlers) == 1
