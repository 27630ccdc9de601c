"""The file of `tidebridge shares`: a capacity and a tree of queues, in YAML or JSON, read into the core's problem.

Every mistake in the form is told at once, with the queue's name and the key. What queues say of each other (parents,
cycles, names that are there twice) is for the core's tree to judge; it is told in the same words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, PlainValidator, Tag, ValidationError

from bridge.core.shares import BadTree, Tree
from bridge.core.shares.problem import ROOT, Amount, Queue, ReclaimPolicy, ShareMode
from bridge.core.shares.problem import Problem as Shares
from bridge.settings import document, json_document
from bridge.settings.errors import Problem, SettingsError
from bridge.settings.kinds import refusal
from bridge.settings.loading import told

_QUEUE = re.compile(r"queues\[(\d+)\]\.?")
_MOST = 1e30
"""Of an amount. Floats that are much larger are infinite once two are multiplied."""
_MOST_RANK = 10**9
"""Priorities and orders beyond it are taken for mistakes."""


def _amount(written: Any) -> Amount:
    """Accept a number from 0 on as it is: a whole one keeps all its digits."""
    if isinstance(written, bool) or not isinstance(written, int | float):
        hint = "; an exponent needs a point and a sign, such as 1.0e+3" if isinstance(written, str) else ""
        raise refusal("isn't a number", f"write a number, without quotes{hint}")
    if isinstance(written, float) and not math.isfinite(written):
        raise refusal("isn't finite", "write a number; where there is no limit, leave the key out")
    if written > _MOST:
        raise refusal("is beyond any capacity", "write 10^30 or less; where there is no limit, leave the key out")
    if written < 0:
        raise refusal("is negative", "write 0 or more")
    return abs(written)


def _unit(written: Any) -> Amount:
    """Accept what amounts can be multiples of."""
    unit = _amount(written)
    if unit == 0:
        raise refusal("is 0", "raise it above 0, or leave it out for real numbers")
    return unit


def _word(written: Any) -> str:
    """Accept a name: text that can be printed."""
    if not isinstance(written, str):
        raise refusal("isn't text", "put the name in quotes")
    if not written.strip():
        raise refusal("is empty", "write a name")
    if not written.isprintable():
        raise refusal("has a character that can't be printed", "leave it out of the name")
    return written


def _queue_name(written: str) -> str:
    """Accept what a queue may be called."""
    if written == ROOT:
        raise refusal(f"is the name of the top, which is there without being listed (parent: {ROOT})", "rename it")
    return written


def _form(written: Any) -> str:
    """Say how a weight is written."""
    return "by resource" if isinstance(written, Mapping) else "one"


Word = Annotated[str, PlainValidator(_word)]
NotNegative = Annotated[int | float, PlainValidator(_amount)]
Amounts = dict[Word, NotNegative]
Units = dict[Word, Annotated[int | float, PlainValidator(_unit)]]
Weight = Annotated[
    Annotated[NotNegative, Tag("one")] | Annotated[Amounts, Tag("by resource")],
    Discriminator(_form),
]
Rank = Annotated[int, Field(strict=True, ge=-_MOST_RANK, le=_MOST_RANK)]
Flag = Annotated[bool, Field(strict=True)]


class _Part(BaseModel):
    """A part of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Options(_Part):
    share_mode: ShareMode = ShareMode.FLOOR
    reclaim_policy: ReclaimPolicy = ReclaimPolicy.FAIR_SHARE
    dead_band_ratio: NotNegative = 0


class _Queue(_Part):
    name: Annotated[Word, AfterValidator(_queue_name)]
    parent: Word = ROOT
    weight: Weight = 1
    min: Amounts = {}
    max: Amounts = {}
    share_mode: ShareMode | None = None
    demand: Amounts = {}
    used: Amounts = {}
    used_nonpreemptible: Amounts = {}
    priority: Rank = 0
    lending_limit: Amounts = {}
    borrowing_limit: Amounts = {}
    active: Flag = True
    order: Rank | None = None

    def plain(self) -> Queue:
        """Return the queue in the core's words."""
        return Queue(
            name=self.name,
            parent=self.parent,
            weight=self.weight,
            guarantee=self.min,
            ceiling=self.max,
            demand=self.demand,
            used=self.used,
            pinned=self.used_nonpreemptible,
            priority=self.priority,
            lending_limit=self.lending_limit,
            borrowing_limit=self.borrowing_limit,
            share_mode=self.share_mode,
            is_active=self.active,
            order=self.order,
        )


class _File(_Part):
    total: Amounts = {}
    unit: Units = {}
    options: _Options = _Options()
    queues: tuple[_Queue, ...]

    def plain(self) -> Shares:
        """Return the problem in the core's words."""
        return Shares(
            queues=tuple(queue.plain() for queue in self.queues),
            total=self.total,
            unit=self.unit,
            share_mode=self.options.share_mode,
            reclaim_policy=self.options.reclaim_policy,
            dead_band_ratio=self.options.dead_band_ratio,
        )


_KNOWN_KEYS = frozenset(key for part in (_File, _Options, _Queue) for key in part.model_fields)


def read(file: Path) -> Shares:
    """Read *file*; raise SettingsError with every problem of its form."""
    try:
        return parse(file.read_bytes(), file)
    except OSError as error:
        why = f"can't be read: {error.strerror}"
        raise document.unreadable(file, why, "correct the path, or the file's rights") from error


def parse(text: bytes, file: Path) -> Shares:
    """Read what *file* holds; raise SettingsError with every problem of its form."""
    found = _understand(text, file)
    if found.values is None:
        raise document.unreadable(file, "is empty", "write total and queues; docs/shares.md has an example")
    if not isinstance(found.values, Mapping):
        raise document.unreadable(file, "has no keys", "write total and queues; docs/shares.md has an example")
    try:
        read = _File.model_validate(found.values)
    except ValidationError as error:
        problems = found.problems + told(found.values, error, _KNOWN_KEYS)
        raise SettingsError(file, _by_name(problems, found.values)) from error
    if found.problems:
        raise SettingsError(file, _by_name(found.problems, found.values))
    return read.plain()


def tree(shares: Shares, file: Path) -> Tree:
    """Join the queues; what doesn't fit together is told as any other mistake in *file*."""
    try:
        return Tree.of(shares)
    except BadTree as error:
        key = error.key if error.queue is None else f"queue {error.queue!r}: {error.key}"
        problem = Problem(key=key, value=None, why=error.why, remedy=error.remedy)
        raise SettingsError(file, (problem,)) from error


def _understand(text: bytes, file: Path) -> document.Document:
    """Parse JSON or YAML; raise SettingsError if it is neither."""
    try:
        return _parsed(text.decode("utf-8-sig"), file.suffix)
    except UnicodeDecodeError as error:
        raise document.unreadable(file, "isn't UTF-8 text", "save it as UTF-8") from error
    except RecursionError as error:
        raise document.unreadable(file, "is nested too deep", "list the queues side by side, with parent") from error
    except (yaml.YAMLError, ValueError) as error:
        kind = "JSON" if file.suffix == ".json" else "YAML"
        raise document.unreadable(file, f"isn't {kind}: {' '.join(str(error).split())}", "correct it") from error


def _parsed(text: str, suffix: str) -> document.Document:
    """Parse by the file's ending, or by the first character: YAML, too, may begin with a brace."""
    if not text.strip() or (suffix != ".json" and text.lstrip()[0] != "{"):
        return document.understand(text)
    try:
        return json_document.understand(text)
    except ValueError:
        if suffix == ".json":
            raise
        return document.understand(text)


def _by_name(problems: tuple[Problem, ...], values: Any) -> tuple[Problem, ...]:
    """Call queues by their names where they have one: ``queues[3].min`` is a position that nobody counts."""
    return tuple(
        Problem(key=_named(problem.key, values), value=problem.value, why=problem.why, remedy=problem.remedy)
        for problem in problems
    )


def _named(key: str, values: Any) -> str:
    """Write *key* with the name of the queue it is in."""
    found = _QUEUE.match(key)
    if found is None or not isinstance(values, Mapping):
        return key
    queue = values["queues"][int(found[1])]
    name = queue.get("name") if isinstance(queue, Mapping) else None
    below = key[found.end() :]
    return f"queue {name!r}: {below}" if isinstance(name, str) and below else key
