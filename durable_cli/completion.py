"""Print a shell completion script: `durable completion bash >> ~/.bashrc`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

_BASH = """_durable() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}"
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=( $(compgen -W "{names} --help --version" -- "$current") )
    elif [[ "$current" == -* ]]; then
        local flags="$(durable "${{COMP_WORDS[1]}}" --help 2>/dev/null | grep -o -- '--[a-z][a-z-]*' | sort -u)"
        COMPREPLY=( $(compgen -W "$flags" -- "$current") )
    else
        COMPREPLY=( $(compgen -f -- "$current") )
    fi
}}
complete -F _durable durable
"""

_ZSH = """autoload -U +X bashcompinit && bashcompinit
{bash}"""

_FISH = """complete -c durable -f -n __fish_use_subcommand
{rows}"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `durable completion`."""
    parser.add_argument("shell", choices=["bash", "zsh", "fish"], help="the shell to complete in")


def run(arguments: argparse.Namespace) -> int:
    """Print the script for the chosen shell."""
    from durable_cli.main import SUBCOMMANDS

    bash = _BASH.format(names=" ".join(SUBCOMMANDS))
    rows = "\n".join(
        f"complete -c durable -n __fish_use_subcommand -a {name} -d '{row.help.replace(chr(39), '')}'"
        for name, row in SUBCOMMANDS.items()
    )
    scripts = {"bash": bash, "zsh": _ZSH.format(bash=bash), "fish": _FISH.format(rows=rows)}
    print(scripts[arguments.shell].rstrip())
    return 0
