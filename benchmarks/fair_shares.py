"""A process of its own: our division of one resource between queues of one level, beside YARN's own, on the same sets.

YARN's is ComputeFairShares of the FairScheduler, called in a warm JVM from the jars that the lab runs. It doesn't look
at demand, so every queue wants everything, and a share should be total * weight / sum of weights.
"""

from __future__ import annotations

import hashlib
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, figure, hand_over, rounds
from bridge.core.shares import Tree, solve
from bridge.core.shares.problem import Problem, Queue

PART = "fair shares: one level, one resource, weights 0.1 to 10.1, total 1,000 a queue"
_COUNTS = (10, 1_000, 100_000)
_PROJECT = Path(__file__).resolve().parents[1]
_SOURCE = _PROJECT / "benchmarks/peer/ComputeFairSharesBench.java"
_MOST_S = 40.0
_RESOURCE = "memory_mib"


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """Queues of one level. YARN keeps weights in 32 bits: so does this, and the exact value is the same for both."""

    weights: tuple[float, ...]

    @property
    def total(self) -> int:
        """What is divided."""
        return 10 * len(self.weights) * 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The shares of a set, and the seconds of each call."""

    shares: Sequence[int]
    took_s: Sequence[float]


class NotBuilt(Exception):
    """The lab's Hadoop, or a JDK, isn't there; the text says which."""


def measure() -> list[Figure]:
    """Measure both, or ours alone where YARN's jars aren't built."""
    sets = tuple(make_set(count) for count in _COUNTS)
    try:
        peers, part = _peers(sets), PART
    except NotBuilt as error:
        peers, part = (), f"{PART} (YARN's isn't measured: {error})"
    figures: list[Figure] = []
    for number, one in enumerate(sets):
        figures += _figures(part, "ours, rounded", one, _ours(one))
        if peers:
            figures += _figures(part, "YARN's ComputeFairShares", one, peers[number])
    return figures


def make_set(count: int) -> Set:
    """Draw weights, the same ones each time."""
    drawn = random.Random(count)
    return Set(weights=tuple(_in_32_bits(0.1 + 10 * drawn.random()) for _ in range(count)))


def _in_32_bits(number: float) -> float:
    found: float = struct.unpack("f", struct.pack("f", number))[0]
    return found


def _figures(part: str, who: str, one: Set, answer: Answer) -> Iterator[Figure]:
    """Say how long a call takes, and how wrong its shares are."""
    name = f"{len(one.weights):,} queues, {who}"
    unit, by_second = ("ms", 1e3) if len(one.weights) >= 10_000 else ("µs", 1e6)
    yield figure(part, name, [took * by_second for took in answer.took_s], unit)
    yield figure(part, "  handed out, less the total", [sum(answer.shares) - one.total], "units")
    yield figure(part, "  largest distance from total * weight / sum", [furthest(one, answer.shares)], "units")


def furthest(one: Set, shares: Sequence[int]) -> float:
    """Return how far the share that is furthest off is from the exact one, in units; in integers until the end."""
    weights = [int(weight * 2**40) for weight in one.weights]
    whole = sum(weights)
    return max(abs(share * whole - one.total * weight) for share, weight in zip(shares, weights, strict=True)) / whole


def _ours(one: Set) -> Answer:
    """Solve, with rounding and certificate; the tree is there already, as YARN's queues are."""
    queues = tuple(Queue(name=f"q{number}", weight=weight) for number, weight in enumerate(one.weights))
    tree = Tree.of(Problem(queues=queues, total={_RESOURCE: one.total}, unit={_RESOURCE: 1}))
    took_s = rounds(lambda: solve(tree), most=51, budget_s=4.0)
    shares = solve(tree).shares()
    return Answer(shares=[int(shares[queue.name][_RESOURCE]) for queue in queues], took_s=took_s)


def _peers(sets: Sequence[Set]) -> tuple[Answer, ...]:
    """Have YARN divide the same sets."""
    jars = f"{_hadoop()}/jars/*"
    classes = _compiled(jars)
    with TemporaryDirectory(prefix="tidebridge-bench-") as folder:
        asked, answered = Path(folder) / "sets", Path(folder) / "answers"
        asked.write_text("".join(_lines(sets)), encoding="ascii")
        words = ["java", "-cp", f"{classes}{os.pathsep}{jars}", _SOURCE.stem, str(asked), str(answered)]
        done = subprocess.run(words, check=False, timeout=_MOST_S, capture_output=True, text=True)
        if done.returncode != 0:
            sys.stderr.write(done.stderr)
            done.check_returncode()
        lines = iter(answered.read_text(encoding="ascii").splitlines())
        return tuple(_answer(lines, one) for one in sets)


def _lines(sets: Sequence[Set]) -> Iterator[str]:
    for one in sets:
        yield f"{len(one.weights)} {one.total}\n"
        yield from (f"{weight!r}\n" for weight in one.weights)


def _answer(lines: Iterator[str], one: Set) -> Answer:
    took_s = [int(took) / 1e9 for took in next(lines).split()]
    return Answer(shares=[int(next(lines)) for _ in one.weights], took_s=took_s)


def _hadoop() -> Path:
    """Find where the lab keeps its Hadoop; the lab's own settings say it."""
    words = ["bash", "-c", 'source lab/lib/settings.sh && printf %s "$HADOOP_DIR"']
    found = Path(subprocess.run(words, cwd=_PROJECT, check=True, capture_output=True, text=True).stdout)
    if not (found / "complete").exists():
        raise NotBuilt("the lab's Hadoop isn't built; lab/build does it")
    return found


def _compiled(jars: str) -> Path:
    """Return the folder with the compiled bench; what it is made of is in its name."""
    made_of = hashlib.sha256(f"{jars}\n{_SOURCE.read_text(encoding='utf-8')}".encode()).hexdigest()[:12]
    folder = _cache() / "bench" / f"fair-shares-{made_of}"
    if not folder.exists():
        unfinished = folder.with_suffix(f".{os.getpid()}")
        try:
            subprocess.run(["javac", "-d", str(unfinished), "-cp", jars, str(_SOURCE)], check=True, capture_output=True)
        except FileNotFoundError as error:
            raise NotBuilt("there is no javac; install a JDK, 17 or later") from error
        unfinished.rename(folder)
    return folder


def _cache() -> Path:
    """Find the cache that the Makefile and the lab use, too."""
    if named := os.environ.get("TIDEBRIDGE_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tidebridge"


if __name__ == "__main__":
    hand_over(measure())
