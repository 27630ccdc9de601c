"""The command ``shares``: divides the capacity that a file tells between the queues that it lists."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

import click
from rich.console import Console

from bridge.cli import shares_table, shares_words
from bridge.cli.shares_json import plain, plain_chain
from bridge.core.shares import Solution, Tree, explain, reclaim, solve
from bridge.core.shares.problem import Amount, Problem, ShareMode
from bridge.settings import shares_file

_STDIN = Path("-")


@dataclass(frozen=True)
class Answer:
    """A problem, and what follows from it."""

    problem: Problem
    tree: Tree
    solution: Solution

    @cached_property
    def taken(self) -> Mapping[str, Mapping[str, Amount]]:
        """What is taken back from each leaf."""
        return reclaim(self.tree, self.solution)

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        return plain(self.solution, self.taken)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option("--explain", "queue", metavar="QUEUE", help="The chain from the root to this queue.")
@click.option("--compare", "is_compared", is_flag=True, help="Share mode floor beside surplus, for the whole tree.")
def shares(file: Path, as_json: bool, queue: str | None, is_compared: bool) -> None:
    """Say who gets how much of a capacity: FILE has the queues, as YAML or JSON; - reads stdin."""
    if queue is not None and is_compared:
        raise click.UsageError("--explain and --compare are two questions; ask one of them")
    problem, named = _read(file)
    if is_compared:
        _compare(problem, named, as_json=as_json)
        return
    answer = _answer(problem, named)
    if queue is None:
        _show(answer, as_json=as_json)
    else:
        _explain(answer, queue, as_json=as_json)


def _read(file: Path) -> tuple[Problem, Path]:
    """Read the file, or stdin, and say under which name mistakes are told."""
    if file == _STDIN:
        stdin = Path("stdin")
        return shares_file.parse(sys.stdin.buffer.read(), stdin), stdin
    return shares_file.read(file), file


def _answer(problem: Problem, file: Path) -> Answer:
    tree = shares_file.tree(problem, file)
    return Answer(problem=problem, tree=tree, solution=solve(tree))


def _show(answer: Answer, *, as_json: bool) -> None:
    """Print who gets how much."""
    if as_json:
        _print(answer.plain())
        return
    console = Console(highlight=False)
    shares_table.show(console, answer.problem, answer.solution)
    shares_table.after(console, answer.solution, answer.taken)


def _explain(answer: Answer, queue: str, *, as_json: bool) -> None:
    """Print the chain from the root to a queue."""
    links = explain(answer.tree, answer.solution, _known(queue, answer.problem))
    if as_json:
        _print({"queue": queue, "explained": plain_chain(links)})
        return
    for line in shares_words.chain(links):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        click.echo(fill(line, get_terminal_size().columns, subsequent_indent=indent))


def _known(queue: str, problem: Problem) -> str:
    """Accept the name of a queue that there is."""
    names = [each.name for each in problem.queues]
    if queue in names:
        return queue
    near = get_close_matches(queue, names, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {len(names)}, such as {', '.join(names[:5])}"
    raise click.UsageError(f"no queue is called {queue!r}; {hint}")


def _compare(problem: Problem, file: Path, *, as_json: bool) -> None:
    """Print what the two modes give, each for the whole tree."""
    floor, surplus = (_answer(_in_mode(problem, mode), file) for mode in (ShareMode.FLOOR, ShareMode.SURPLUS))
    if as_json:
        _print({"floor": floor.plain(), "surplus": surplus.plain()})
        return
    shares_table.compare(Console(highlight=False), problem, floor.solution, surplus.solution)


def _in_mode(problem: Problem, mode: ShareMode) -> Problem:
    """Set the mode for every subtree."""
    queues = tuple(replace(queue, share_mode=None) for queue in problem.queues)
    return replace(problem, share_mode=mode, queues=queues)


def _print(value: Any) -> None:
    # Not orjson: its integers end at 64 bits.
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
