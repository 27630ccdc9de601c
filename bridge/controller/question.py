"""The question that a round asked the rule, as plain JSON and back: so that any leaf can be explained later."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from bridge.controller.plain import plain
from bridge.core.shares import Problem, Queue, ReclaimPolicy, ShareMode, Tree, explain, solve

_PLAIN = {field.name: field.default for field in fields(Queue)}


def question(problem: Problem) -> dict[str, Any]:
    """Write a problem down; what a queue leaves at its default is left out."""
    return {
        "queues": [_queue(queue) for queue in problem.queues],
        "total": dict(problem.total),
        "unit": dict(problem.unit),
        "share_mode": str(problem.share_mode),
        "reclaim_policy": str(problem.reclaim_policy),
        "dead_band_ratio": problem.dead_band_ratio,
    }


def chain(asked: dict[str, Any], leaf: str) -> list[Any]:
    """Answer a question again, and explain one leaf's amount: the chain from the root."""
    tree = Tree.of(_problem(asked))
    return [plain(link) for link in explain(tree, solve(tree), leaf)]


def _queue(queue: Queue) -> dict[str, Any]:
    values = ((name, getattr(queue, name)) for name in _PLAIN)
    return {name: plain(value) for name, value in values if value not in ({}, _PLAIN[name])}


def _problem(asked: dict[str, Any]) -> Problem:
    return Problem(
        queues=tuple(Queue(**(entry | _mode(entry))) for entry in asked["queues"]),
        total=asked["total"],
        unit=asked["unit"],
        share_mode=ShareMode(asked["share_mode"]),
        reclaim_policy=ReclaimPolicy(asked["reclaim_policy"]),
        dead_band_ratio=asked["dead_band_ratio"],
    )


def _mode(entry: dict[str, Any]) -> dict[str, Any]:
    return {"share_mode": ShareMode(entry["share_mode"])} if "share_mode" in entry else {}
