"""Divides the two capacities among the tenants' leaves: the static one for queues first, then all of the tree.

Static YARN capacity S serves queues only; what lenders can give, L, serves both systems. S is solved for the queues.
Then the whole tree is solved on what S gave and L together, with each queue's part of S pinned; what a queue gets
beyond it is its part of L. What is idle after that is handed out by weight, so that every unit has somebody who may
use it at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bridge.core.ledger import Side
from bridge.core.reasons import Gap
from bridge.core.resources import NO_ROOM, Room
from bridge.core.shares import Problem, Solution, Tree, reclaim, solve
from bridge.core.tenants.facts import Leaf, LendableFacts, QueueFacts, RoundFacts, Smoothed
from bridge.core.tenants.past import with_past
from bridge.core.tenants.policy import SharePolicy
from bridge.core.tenants.tree import LeafNeed, Ownership, problem, room


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One leaf's part of both capacities."""

    leaf: Leaf
    tenant: str
    demand: Room
    """Smoothed. In a queue's, what static nodes don't serve counts with the NodeManagers' overhead."""
    used: Room
    """Of both capacities."""
    used_lendable: Room
    static: Room = NO_ROOM
    """Granted of S."""
    lendable: Room = NO_ROOM
    """Granted of L."""
    static_told: Room = NO_ROOM
    """Granted, and its part of what nobody wants."""
    lendable_told: Room = NO_ROOM
    due_back: Room = NO_ROOM
    """What it is to give back, because somebody below the target waits."""

    @property
    def granted(self) -> Room:
        """Its target."""
        return self.static + self.lendable


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Who gets how much."""

    shares: tuple[Share, ...]
    static: Room | None
    """S; None where the queues aren't known, and then nothing is said of them."""
    lendable: Room | None
    """L; None where it isn't known, and then nobody is told anything else of it."""
    smoothed: tuple[Smoothed, ...]
    problem: Problem
    """The question that the whole tree was, for explanations."""
    solution: Solution

    def of(self, leaf: Leaf) -> Share | None:
        """Find a leaf's share."""
        return next((share for share in self.shares if share.leaf == leaf), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    """A leaf's demand and use, before anything is divided."""

    leaf: Leaf
    demand: Room
    used_static: Room
    used_lendable: Room
    leaving: Room = NO_ROOM
    """Of what it uses, what is on its way out already."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """The rule for these tenants, asked several times in a round."""

    policy: SharePolicy
    ownership: Ownership

    def question(self, total: Room, needs: Sequence[LeafNeed]) -> Problem:
        """Ask for one capacity."""
        return problem(self.policy, self.ownership, total, needs)

    def divide(self, total: Room, demand: Mapping[Leaf, Room], least: Room = NO_ROOM) -> dict[Leaf, Room]:
        """Divide one capacity by demand; each leaf has *least* before others have more."""
        needs = (LeafNeed(leaf=leaf, demand=wanted, guarantee=least) for leaf, wanted in demand.items())
        return self._grants(total, tuple(needs))

    def fill(self, total: Room, granted: Mapping[Leaf, Room], at_most: Mapping[Leaf, Room | None]) -> dict[Leaf, Room]:
        """Hand out by weight what is left of *total* beyond what is granted; None: any amount."""
        return self._grants(
            total,
            tuple(
                LeafNeed(leaf=leaf, demand=at_most[leaf], used=amount, pinned=amount)
                for leaf, amount in granted.items()
            ),
        )

    def _grants(self, total: Room, needs: tuple[LeafNeed, ...]) -> dict[Leaf, Room]:
        if not needs:
            return {}
        solution = solve(Tree.of(self.question(total, needs)))
        return {need.leaf: room(solution.grant(str(need.leaf))) for need in needs}


def divide(facts: RoundFacts) -> Division:
    """Divide S and L. What isn't known is left out, and what it holds of L stays held."""
    rule = _Rule(with_past(facts), Ownership.of(facts.policy))
    needs = _needs(facts, rule.ownership)
    queues = tuple(need for need in needs if need.leaf.side is Side.YARN)
    static = facts.queues.static if isinstance(facts.queues, QueueFacts) else None
    lendable = _lendable(facts)
    least = facts.queues.minimum if isinstance(facts.queues, QueueFacts) else NO_ROOM
    of_static = rule.divide(static or NO_ROOM, {need.leaf: need.demand for need in queues}, least)
    beyond = {need.leaf: _with_overhead(facts.policy, need.demand - of_static[need.leaf]) for need in queues}
    window = facts.lendable.window if isinstance(facts.lendable, LendableFacts) else NO_ROOM
    allowed = rule.divide(window, beyond)
    question = _whole(rule, needs, of_static, allowed, lendable or NO_ROOM)
    solution = solve(Tree.of(question))
    granted = {need.leaf: room(solution.grant(str(need.leaf))) - of_static.get(need.leaf, NO_ROOM) for need in needs}
    idle_static = _idle_static(rule, static or NO_ROOM, of_static, granted)
    idle = _idle_lendable(rule, lendable or NO_ROOM, granted, idle_static, allowed, window)
    due = reclaim(Tree.of(question), solution)
    return Division(
        shares=tuple(
            Share(
                leaf=need.leaf,
                tenant=rule.ownership.tenant(need.leaf),
                demand=_counted(need, of_static, beyond),
                used=need.used_static + need.used_lendable,
                used_lendable=need.used_lendable,
                static=of_static.get(need.leaf, NO_ROOM),
                lendable=granted[need.leaf],
                static_told=idle_static.get(need.leaf, NO_ROOM),
                lendable_told=idle[need.leaf],
                due_back=(room(due.get(str(need.leaf), {})) - need.leaving).at_least_zero(),
            )
            for need in needs
        ),
        static=static,
        lendable=lendable,
        smoothed=tuple(Smoothed(leaf=need.leaf, demand=need.demand) for need in needs),
        problem=question,
        solution=solution,
    )


def _lendable(facts: RoundFacts) -> Room | None:
    """Return what is there to divide of L: without the queues', where those aren't known and keep what they have."""
    if isinstance(facts.lendable, Gap) or isinstance(facts.namespaces, Gap) or isinstance(facts.told, Gap):
        return None
    if not isinstance(facts.queues, Gap):
        return facts.lendable.room
    held = [told.room for told in facts.told if told.leaf.side is Side.YARN]
    return (facts.lendable.room - at_least(facts.lendable.elastic, added(held))).at_least_zero()


def _needs(facts: RoundFacts, ownership: Ownership) -> tuple[_Need, ...]:
    """Collect every leaf's demand and use; demand that has gone down is believed slowly."""
    before = {entry.leaf: entry.demand for entry in facts.memory.smoothed}
    age = facts.at - facts.memory.at if facts.memory.at is not None else timedelta.max
    return tuple(
        _Need(
            leaf=need.leaf,
            demand=smooth(need.demand, before.get(need.leaf, NO_ROOM), age, facts.policy.half_life),
            used_static=need.used_static,
            used_lendable=need.used_lendable,
            leaving=need.leaving,
        )
        for need in sorted((*_queue_needs(facts, ownership), *_namespace_needs(facts)), key=lambda need: need.leaf)
    )


def smooth(now: Room, before: Room, age: timedelta, half_life: timedelta) -> Room:
    """Follow demand up at once and down by half every *half_life*."""
    left = 0.5 ** (age / half_life) if half_life > timedelta(0) and age < 64 * half_life else 0.0

    def axis(new: int, old: int) -> int:
        return new if new >= old else new + math.ceil((old - new) * left)

    return Room(
        cpu_millicores=axis(now.cpu_millicores, before.cpu_millicores),
        memory_mib=axis(now.memory_mib, before.memory_mib),
    )


def has_moved(facts: RoundFacts, division: Division) -> bool:
    """Say whether any leaf's demand differs from the last round's by more than the dead band."""
    before = {entry.leaf: entry.demand for entry in facts.memory.smoothed}
    return any(
        _differs(entry.demand, before.get(entry.leaf, NO_ROOM), facts.policy.dead_band_ratio)
        for entry in division.smoothed
    )


def _differs(now: Room, before: Room, ratio: float) -> bool:
    cpu = abs(now.cpu_millicores - before.cpu_millicores) > ratio * before.cpu_millicores
    return cpu or abs(now.memory_mib - before.memory_mib) > ratio * before.memory_mib


def _queue_needs(facts: RoundFacts, ownership: Ownership) -> Iterable[_Need]:
    """Sum the leaf queues below each configured queue; others stand for themselves.

    Every queue that there is wants one minimum allocation, so that none is ever without a place to begin.
    """
    if isinstance(facts.queues, Gap):
        return
    by_path: dict[str, _Need] = {}
    for queue in facts.queues.queues:
        path = ownership.configured_queue(queue.path) or queue.path
        so_far = by_path.get(path, _no_need(Leaf(side=Side.YARN, name=path)))
        by_path[path] = _Need(
            leaf=so_far.leaf,
            demand=so_far.demand + queue.used_static + queue.used_elastic + queue.waiting,
            used_static=so_far.used_static + queue.used_static,
            used_lendable=so_far.used_lendable + _with_overhead(facts.policy, queue.used_elastic),
        )
    for need in by_path.values():
        yield replace(need, demand=at_least(need.demand, facts.queues.minimum))


def missing_queues(facts: RoundFacts) -> tuple[str, ...]:
    """Name the configured queues that the ResourceManager doesn't have."""
    if isinstance(facts.queues, Gap):
        return ()
    ownership = Ownership.of(facts.policy)
    there = {ownership.configured_queue(queue.path) for queue in facts.queues.queues}
    return tuple(path for path in ownership.tenant_by_queue if path not in there)


def _namespace_needs(facts: RoundFacts) -> Iterable[_Need]:
    if isinstance(facts.namespaces, Gap):
        return
    before = {entry.leaf: entry.demand for entry in facts.memory.smoothed}
    for namespace in facts.namespaces:
        leaf = Leaf(side=Side.KUBERNETES, name=namespace.name)
        demand = namespace.used + namespace.waiting + namespace.held_back + facts.policy.headroom
        yield _Need(
            leaf=leaf,
            demand=demand if namespace.trouble is None else at_least(demand, before.get(leaf, NO_ROOM)),
            used_static=NO_ROOM,
            used_lendable=namespace.used,
            leaving=namespace.leaving,
        )


def _no_need(leaf: Leaf) -> _Need:
    return _Need(leaf=leaf, demand=NO_ROOM, used_static=NO_ROOM, used_lendable=NO_ROOM)


def _with_overhead(policy: SharePolicy, amount: Room) -> Room:
    """Say what the pods that offer *amount* to YARN ask of Kubernetes; rounded up."""
    pod, offered = policy.shape.pod, policy.elastic_as_room
    return Room(
        cpu_millicores=_scaled(amount.cpu_millicores, pod.cpu_millicores, offered.cpu_millicores),
        memory_mib=_scaled(amount.memory_mib, pod.memory_mib, offered.memory_mib),
    )


def _scaled(amount: int, up: int, down: int) -> int:
    return max(0, amount) if down <= 0 else max(0, -(-amount * up // down))


def _counted(need: _Need, of_static: Mapping[Leaf, Room], beyond: Mapping[Leaf, Room]) -> Room:
    """Say a leaf's demand in the units of the whole tree."""
    if need.leaf.side is Side.KUBERNETES:
        return need.demand
    return of_static[need.leaf] + beyond[need.leaf]


def _idle_static(
    rule: _Rule, static: Room, of_static: Mapping[Leaf, Room], granted: Mapping[Leaf, Room]
) -> dict[Leaf, Room]:
    """Hand out what is idle of S; a tenant's ceiling is over both capacities, so what it has of L counts."""
    has = {leaf: of_static.get(leaf, NO_ROOM) + amount for leaf, amount in granted.items()}
    filled = rule.fill(
        static + added(granted.values()), has, {leaf: None if leaf in of_static else has[leaf] for leaf in has}
    )
    return {leaf: filled[leaf] - granted[leaf] for leaf in of_static}


def _idle_lendable(
    rule: _Rule,
    lendable: Room,
    granted: Mapping[Leaf, Room],
    static: Mapping[Leaf, Room],
    allowed: Mapping[Leaf, Room],
    window: Room,
) -> dict[Leaf, Room]:
    """Hand out what is idle of L, beside what each was told of S; queues within what the window leaves them."""
    of_window = rule.fill(window, {leaf: granted[leaf] for leaf in allowed}, dict.fromkeys(allowed))
    has = {leaf: static.get(leaf, NO_ROOM) + amount for leaf, amount in granted.items()}
    most = {leaf: static[leaf] + of_window[leaf] if leaf in allowed else None for leaf in granted}
    filled = rule.fill(added(static.values()) + lendable, has, most)
    return {leaf: filled[leaf] - static.get(leaf, NO_ROOM) for leaf in granted}


def _whole(
    rule: _Rule,
    needs: Iterable[_Need],
    of_static: Mapping[Leaf, Room],
    allowed: Mapping[Leaf, Room],
    lendable: Room,
) -> Problem:
    """Ask for the whole tree: S as it was given, and L."""
    leaves = tuple(
        LeafNeed(
            leaf=need.leaf,
            demand=of_static[need.leaf] + allowed[need.leaf] if need.leaf in of_static else need.demand,
            used=of_static.get(need.leaf, NO_ROOM) + need.used_lendable,
            pinned=of_static.get(need.leaf, NO_ROOM),
        )
        for need in needs
    )
    return rule.question(added(of_static.values()) + lendable, leaves)


def added(rooms: Iterable[Room]) -> Room:
    """Add rooms up."""
    return sum(rooms, NO_ROOM)


def at_least(one: Room, other: Room) -> Room:
    """Take the larger amount on each axis."""
    return Room(
        cpu_millicores=max(one.cpu_millicores, other.cpu_millicores), memory_mib=max(one.memory_mib, other.memory_mib)
    )


def at_most(one: Room, other: Room) -> Room:
    """Take the smaller amount on each axis."""
    return Room(
        cpu_millicores=min(one.cpu_millicores, other.cpu_millicores), memory_mib=min(one.memory_mib, other.memory_mib)
    )
