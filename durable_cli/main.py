"""Entry point of the `durable` command: finds the subcommand and imports only that one.

A subcommand is a module of this package with two functions:

- ``configure(parser)`` adds its arguments to an ``argparse.ArgumentParser``;
- ``run(arguments)`` does the work and returns the exit code.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class Subcommand(NamedTuple):
    """One row of the command table: the module that implements it and its one-line help."""

    module: str
    help: str


SUBCOMMANDS: dict[str, Subcommand] = {
    "check": Subcommand("durable_cli.check", "find replay bugs in workflow code"),
    "serve": Subcommand("durable_cli.serve", "run Lambda's durable execution service on loopback"),
    "dev": Subcommand("durable_cli.dev", "serve every function of a synthesized CDK app locally"),
    "replay": Subcommand("durable_cli.replay", "replay recorded executions against today's code"),
    "logs": Subcommand("durable_cli.logs", "show the log lines of a function on the local service"),
    "completion": Subcommand("durable_cli.completion", "print a shell completion script"),
}


def _overview() -> str:
    width = max(len(name) for name in SUBCOMMANDS)
    rows = "\n".join(f"  {name:<{width}}  {row.help}" for name, row in SUBCOMMANDS.items())
    return (
        "usage: durable COMMAND [options]\n\n"
        "Durable workflows on AWS Lambda, on your machine.\n\n"
        f"commands:\n{rows}\n\n"
        "`durable COMMAND --help` explains one command. `durable --version` prints the version."
    )


def _version() -> str:
    from importlib.metadata import version

    return f"durable {version('constructs-durable')}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `durable` command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(_overview(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else EXIT_USAGE
    name, *rest = arguments
    if name in {"-V", "--version"}:
        print(_version())
        return 0
    if name not in SUBCOMMANDS:
        import difflib

        near = difflib.get_close_matches(name, SUBCOMMANDS, n=1)
        hint = f" Did you mean `durable {near[0]}`?" if near else ""
        print(f"durable: there is no command `{name}`.{hint} See `durable --help`.", file=sys.stderr)
        return EXIT_USAGE
    module = importlib.import_module(SUBCOMMANDS[name].module)
    parser = argparse.ArgumentParser(prog=f"durable {name}", description=module.__doc__)
    module.configure(parser)
    try:
        code: int = module.run(parser.parse_args(rest))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
