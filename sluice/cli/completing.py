"""Makes the scripts with which shells complete `sluice`, from the commands themselves.

A script asks no process: names of tables and datasets are those of the files in the project's ``contracts/``, so that a
key press takes no time.
"""

from __future__ import annotations

import shlex
from enum import Enum
from typing import Any, NamedTuple

import typer
from typer.main import get_command


class _Option(NamedTuple):
    """An option: its names, whether a value follows, the values that there are, and what it is for."""

    names: tuple[str, ...]
    valued: bool
    values: tuple[str, ...]
    about: str


class _Command(NamedTuple):
    """A command: what it is for, its options, and of each argument ``table``, ``dataset``, ``file`` or its values."""

    name: str
    about: str
    options: tuple[_Option, ...]
    arguments: tuple[str, ...]


#: The arguments that name what the project declares; every other one is a file, or has its own values.
_DECLARED = {"table": "table", "dataset": "dataset"}


def script(shell: str, commands: typer.Typer) -> str:
    """Return the script of ``bash``, ``zsh`` or ``fish``."""
    found = _commands(commands)
    if shell == "fish":
        return _fish(found)
    bash = _bash(found)
    return bash if shell == "bash" else f"autoload -Uz compinit bashcompinit && compinit && bashcompinit\n{bash}"


def _commands(commands: typer.Typer) -> list[_Command]:
    group: Any = get_command(commands)
    return [_command(name, command) for name, command in sorted(group.commands.items()) if not command.hidden]


def _command(name: str, command: Any) -> _Command:
    options, arguments = [], []
    for param in command.params:
        kind = param.type_descriptor.annotation
        values = tuple(each.value for each in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ()
        if param.param_type_name == "option":
            about = (param.help or "").partition(";")[0].rstrip(".")
            options.append(_Option((*param.opts, *param.secondary_opts), not param.is_flag, values, about))
        else:
            arguments.append(" ".join(values) if values else _DECLARED.get(param.name, "file"))
    options.append(_Option(("--help",), valued=False, values=(), about="Show what it takes"))
    about = (command.help or "").partition(";")[0].partition(".")[0]
    return _Command(name, " ".join(about.split()), tuple(options), tuple(arguments))


_BASH = """\
# Completes sluice; made by `sluice completion`.
_sluice_declared() {
  # contracts/orders.yaml is the dataset orders, contracts/gold/sales.yaml the table gold.sales.
  local at=$PWD file name
  while [ -n "$at" ] && ! [ -f "$at/environments.yaml" ]; do at=${at%/*}; done
  [ -d "$at/contracts" ] || return
  for file in "$at"/contracts/*.y*ml "$at"/contracts/*/*.y*ml; do
    [ -f "$file" ] || continue
    name=${file#"$at"/contracts/}; name=${name%.*}
    case $name in
      */*) [ "$1" = dataset ] || echo "${name%%/*}.${name##*/}" ;;
      *) [ "$1" = table ] || echo "$name" ;;
    esac
  done
}
_sluice() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "@COMMANDS@ --help --version" -- "$word")); return
  fi
  case "$command $before" in
@VALUES@
  esac
  case $word in
    -*)
      case $command in
@OPTIONS@
      esac ;;
    *)
      case $command in
@ARGUMENTS@
        *) COMPREPLY=($(compgen -f -- "$word")); return ;;
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _sluice sluice
"""


def _bash(commands: list[_Command]) -> str:
    values, options, arguments = [], [], []
    for each in commands:
        names = " ".join(name for option in each.options for name in option.names)
        options.append(f'        {each.name}) words="{names}" ;;')
        for option in each.options:
            if option.valued:
                at = "|".join(f'"{each.name} {name}"' for name in option.names)
                reply = f'-W "{" ".join(option.values)}"' if option.values else "-f"
                values.append(f'    {at}) COMPREPLY=($(compgen {reply} -- "$word")); return ;;')
        if each.arguments and each.arguments[0] != "file":
            first = each.arguments[0]
            words = f"$(_sluice_declared {first})" if first in ("table", "dataset") else first
            arguments.append(f'        {each.name}) words="{words}" ;;')
    filled = _BASH.replace("@COMMANDS@", " ".join(each.name for each in commands))
    for mark, lines in (("@VALUES@", values), ("@OPTIONS@", options), ("@ARGUMENTS@", arguments)):
        filled = filled.replace(mark, "\n".join(lines))
    return filled


_FISH = """\
# Completes sluice; made by `sluice completion`.
function __sluice_declared
  set -l at $PWD
  while test -n "$at"; and not test -f "$at/environments.yaml"; set at (string replace -r '/[^/]*$' '' -- $at); end
  for file in $at/contracts/*.y*ml
    test "$argv[1]" = table; or basename $file | string replace -r '\\.ya?ml$' ''
  end
  for file in $at/contracts/*/*.y*ml
    test "$argv[1]" = dataset; or echo (basename (dirname $file)).(basename $file | string replace -r '\\.ya?ml$' '')
  end
end
complete -c sluice -n __fish_use_subcommand -f
complete -c sluice -n __fish_use_subcommand -l version -d 'Show the version'
"""


def _fish(commands: list[_Command]) -> str:
    lines = []
    for each in commands:
        within = shlex.quote(f"__fish_seen_subcommand_from {each.name}")
        lines.append(f"complete -c sluice -n __fish_use_subcommand -a {each.name} -d {shlex.quote(each.about)}")
        for option in each.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            more = f" -x -a {shlex.quote(' '.join(option.values))}" if option.values else " -r" if option.valued else ""
            lines.append(f"complete -c sluice -n {within} {names}{more} -d {shlex.quote(option.about)}")
        if each.arguments and each.arguments[0] != "file":
            first = each.arguments[0]
            words = f"(__sluice_declared {first})" if first in ("table", "dataset") else first
            lines.append(f"complete -c sluice -n {within} -f -a {shlex.quote(words)}")
    return _FISH + "\n".join(lines) + "\n"
