"""Shares for people: for each resource the tree, what each queue gets of it, and what keeps it from more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bridge.cli.shares_words import amount, bound
from bridge.core.shares import Solution
from bridge.core.shares.problem import ROOT, Amount, Problem, Queue

_WIDE = 66
"""Columns from which there is room for what a queue wants and is guaranteed, as numbers beside the bar."""
_MOST_BAR, _LEAST_BAR, _LEAST_NAME = 40, 6, 8
_BOUND = "bound by"
_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What a bar is drawn with."""

    granted: str
    wanted: str
    guaranteed: str
    rest: str

    @property
    def legend(self) -> str:
        """Say what they mean."""
        return f"{self.granted} granted  {self.wanted} wanted beyond it  {self.guaranteed} min"


_SIGNS = Signs(granted="█", wanted="░", guaranteed="┃", rest="·")
_ASCII = Signs(granted="#", wanted="-", guaranteed="|", rest=".")


class Forest:
    """The queues as a tree, in the order of the file."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._children: dict[str, list[Queue]] = {}
        for queue in problem.queues:
            self._children.setdefault(queue.parent, []).append(queue)

    @cached_property
    def rows(self) -> tuple[tuple[Queue, int], ...]:
        """Every queue with its depth, a parent before its children."""
        found: list[tuple[Queue, int]] = []
        ahead = [(queue, 0) for queue in reversed(self._children.get(ROOT, []))]
        while ahead:
            queue, depth = ahead.pop()
            found.append((queue, depth))
            ahead += [(child, depth + 1) for child in reversed(self._children.get(queue.name, []))]
        return tuple(found)

    @cached_property
    def resources(self) -> tuple[str, ...]:
        """What is divided: the capacity's first, then what queues alone name."""
        by_queues = (chain(queue.guarantee, queue.ceiling, queue.demand, queue.used) for queue in self.problem.queues)
        return tuple(dict.fromkeys(chain(self.problem.total, *by_queues)))

    def wanted(self, resource: str) -> dict[str, Amount]:
        """Return each queue's demand, an inner queue's being its children's; infinite where there is no end to it."""
        found: dict[str, Amount] = {}
        for queue, _ in reversed(self.rows):
            children = self._children.get(queue.name)
            if queue.name in self._idle:
                found[queue.name] = 0
            elif children:
                found[queue.name] = sum(found[child.name] for child in children)
            else:
                found[queue.name] = queue.demand.get(resource, math.inf)
        return found

    @cached_property
    def _idle(self) -> frozenset[str]:
        """The queues that are inactive, or below one that is."""
        idle: set[str] = set()
        for queue, _ in self.rows:
            if not queue.is_active or queue.parent in idle:
                idle.add(queue.name)
        return frozenset(idle)


def show(console: Console, problem: Problem, solution: Solution) -> None:
    """Print a block for each resource, and the legend of the bars."""
    forest = Forest(problem)
    signs = _signs(console)
    for resource in forest.resources:
        console.print(_heading(resource, problem, solution))
        console.print(_block(console, forest, solution, resource, signs))
        console.print()
    if any(problem.total.values()):
        console.print(Text(signs.legend, "dim"))


def compare(console: Console, problem: Problem, floor: Solution, surplus: Solution) -> None:
    """Print a block for each resource: what a queue gets in either mode, and the difference."""
    forest = Forest(problem)
    for number, resource in enumerate(forest.resources):
        if number:
            console.print()
        console.print(_heading(resource, problem, floor))
        table = _grid("queue", "floor", "surplus", "difference")
        for queue, depth in forest.rows:
            before, after = (each.grant(queue.name)[resource] for each in (floor, surplus))
            table.add_row(_name(queue, depth), amount(before), amount(after), _difference(before, after))
        console.print(table)


def _difference(before: Amount, after: Amount) -> Text:
    """Write what surplus adds or takes."""
    if before == after:
        return Text("=", "dim")
    sign, style = ("+", "green") if after > before else ("-", "red")
    return Text(f"{sign}{amount(abs(after - before))}", style)


def _signs(console: Console) -> Signs:
    """Choose what the terminal can print."""
    return _SIGNS if console.encoding.startswith("utf") else _ASCII


def _heading(resource: str, problem: Problem, solution: Solution) -> Text:
    """Name the resource, and say how much there is and is left."""
    if resource not in problem.total:
        return Text.assemble((resource, "bold"), ": no total, so each queue gets all that it may have")
    left = solution.remaining.get(resource, 0)
    return Text.assemble((resource, "bold"), f": {amount(problem.total[resource])} in all, {amount(left)} remaining")


def _block(console: Console, forest: Forest, solution: Solution, resource: str, signs: Signs) -> Table:
    """Put a queue in a row; in a narrow terminal without the numbers that the bar shows as well."""
    wanted, total = forest.wanted(resource), forest.problem.total.get(resource)
    lines = [
        _Line(
            queue=queue,
            depth=depth,
            granted=solution.grant(queue.name)[resource],
            wanted=wanted[queue.name],
            guaranteed=queue.guarantee.get(resource, 0),
            bound=bound(solution.certificate[queue.parent][resource], queue.name),
        )
        for queue, depth in forest.rows
    ]
    headings = ("gets", "wants", "min") if console.width >= _WIDE else ("gets",)
    width = _Widths.of(console.width, lines, headings)
    table = _grid("queue", *headings, width=width.name)
    table.add_column("", no_wrap=True)
    table.add_column(_BOUND, no_wrap=True, overflow="ellipsis")
    for line in lines:
        table.add_row(*line.cells[: len(headings) + 1], line.bar(total, width.bar, signs), line.bound)
    return table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What one queue's row says of one resource."""

    queue: Queue
    depth: int
    granted: Amount
    wanted: Amount
    guaranteed: Amount
    bound: str

    @property
    def cells(self) -> Sequence[Text | str]:
        """Write name and numbers; a narrow table has the first two alone."""
        numbers = (self.granted, self.wanted, self.guaranteed)
        return (_name(self.queue, self.depth), *(amount(number) for number in numbers))

    def bar(self, total: Amount | None, width: int, signs: Signs) -> Text:
        """Draw the grant as a part of the total, what is wanted beyond it, and where the guarantee ends."""
        if not total:
            return Text()
        granted, wanted = (round(min(part / total, 1) * width) for part in (self.granted, self.wanted))
        bar = Text(signs.granted * granted, "green")
        bar.append(signs.wanted * (wanted - granted), "yellow")
        bar.append(signs.rest * (width - len(bar)), "dim")
        if self.guaranteed:
            place = min(int(min(self.guaranteed / total, 1) * width), width - 1)
            bar = Text.assemble(bar[:place], (signs.guaranteed, "bold"), bar[place + 1 :])
        return bar


@dataclass(frozen=True, slots=True)
class _Widths:
    """How wide the columns are that give way: names are cut so that numbers needn't be."""

    name: int
    bar: int

    @classmethod
    def of(cls, columns: int, lines: Sequence[_Line], headings: Sequence[str]) -> _Widths:
        """Give the name what it needs, and the bar what is left."""
        cells = zip(*(line.cells[1 : len(headings) + 1] for line in lines), strict=True)
        numbers = sum(max(len(heading), *map(len, column)) for heading, column in zip(headings, cells, strict=False))
        bounds = max(len(_BOUND), *(len(line.bound) for line in lines), 0)
        left = columns - numbers - bounds - _GAP * (len(headings) + 3)
        name = max(_LEAST_NAME, min(max((len(line.cells[0]) for line in lines), default=0), left - _LEAST_BAR))
        return cls(name, max(_LEAST_BAR, min(_MOST_BAR, left - name)))


def _grid(first: str, *numbers: str, width: int | None = None) -> Table:
    """Begin a table: names to the left, numbers to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    table.add_column(first, no_wrap=True, overflow="ellipsis", width=width)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _name(queue: Queue, depth: int) -> Text:
    return Text(f"{'  ' * depth}{queue.name}")


def after(console: Console, solution: Solution, reclaim: Mapping[str, Mapping[str, Amount]]) -> None:
    """Print what is taken back from whom, and what was corrected."""
    for line in (*_taken(reclaim), *_corrected(solution)):
        console.print(escape(line))


def _taken(reclaim: Mapping[str, Mapping[str, Amount]]) -> Iterator[str]:
    for queue, amounts in sorted(reclaim.items()):
        parts = ", ".join(f"{amount(much)} {resource}" for resource, much in sorted(amounts.items()))
        yield f"take back from {queue}: {parts}"
    if not reclaim:
        yield "nothing to take back"


def _corrected(solution: Solution) -> Iterator[str]:
    for each in solution.corrections:
        yield f"corrected: {each.queue}: {each.key}.{each.resource} from {amount(each.asked)} to {amount(each.became)}"
