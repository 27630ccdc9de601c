"""What people and programs ask of a pool: its status, and what a number comes from. Read from the last tick's record.

One query layer: the command line prints these values, and so may an API.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.controller.formulas import DEMAND, LENT, STATEMENT
from bridge.controller.plain import plain
from bridge.controller.question import chain
from bridge.core.snapshot import Memory
from bridge.ports import TickRecord

TOPICS = ("window", "offer", "load", "demand", "size", "lent", "give-back", "plan", "lender NAME", "node ID")
EXPLAINED_BY = {
    "window": "window",
    "offered_nodes": "offer",
    "offer_bound_by": "offer",
    "offer_holds_until": "offer",
    "load": "load",
    "wanted_nodes": "demand",
    "target_nodes": "size",
    "target_bound_by": "size",
    "failed_start_at": "size",
    "lent": "lent",
    "used": "lent",
    "containers": "lent",
    "nodes_by_state": "lent",
    "gives_back": "give-back",
    "nodes": "node ID",
    "overdue": "node ID",
    "failed": "plan",
}
"""Which topic leads to the inputs of which number of ``status``."""


class UnknownTopic(LookupError):
    """There is nothing of this name to explain; the message says what there is."""


def status(record: TickRecord | None, memory: Memory, pool: str, at: datetime) -> dict[str, Any]:
    """Say what is lent, to whom, until when; ``age_s`` is how old the last tick is. What wasn't seen is None."""
    if record is None:
        return {"pool": pool, "last_tick": None}
    sections = record.sections
    decided, load = sections["decided"], sections["load"]
    offer, kube = decided["offer"], sections["seen"]["kubernetes"]
    is_lent_seen = isinstance(kube, Mapping)
    is_use_seen = is_lent_seen and isinstance(sections["seen"]["yarn"], Mapping)
    return {
        "pool": pool,
        "mode": record.mode,
        "leader": sections.get("leader"),
        "last_tick": {
            "id": record.id,
            "at": plain(record.at),
            "age_s": round((at - record.at).total_seconds(), 1),
            "took_ms": record.took_ms,
        },
        "gaps": sections["seen"]["gaps"],
        "paused_until": sections["seen"]["paused_until"],
        "window": decided["window"],
        "offered_nodes": offer["nodes"] if isinstance(offer, Mapping) else None,
        "offer_bound_by": offer["bound_by"] if isinstance(offer, Mapping) else offer,
        "offer_holds_until": plain(_holds_until(record)),
        "load": sections["seen"]["load"],
        "wanted_nodes": decided["demand"]["nodes"] if isinstance(decided["demand"], Mapping) else None,
        "target_nodes": decided["size"]["target"],
        "target_bound_by": decided["size"]["bound_by"],
        "failed_start_at": plain(memory.failed_start_at),
        "lent": load["lent"] if is_lent_seen else None,
        "used": load["used"] if is_use_seen else None,
        "containers": load["containers"] if is_use_seen else None,
        "nodes_by_state": load["nodes_by_state"],
        "gives_back": sections.get("statements", []),
        "nodes": sections["nodes"],
        "overdue": sections.get("overdue", []),
        "failed": [entry for entry in sections["done"] if entry["error"] is not None],
        "impostors": kube["impostors"] if is_lent_seen else [],
    }


def _holds_until(record: TickRecord) -> datetime | None:
    """Say until when what is lent anew may be kept: by the windows, and by the forecast of that tick.

    It isn't kept in the record: it moves with each tick.
    """
    decided = record.sections["decided"]
    closes_at, lend_for_s = decided["window"]["closes_at"], decided["lend_for_s"]
    ends = [] if closes_at is None else [datetime.fromisoformat(closes_at)]
    if lend_for_s is not None:
        ends.append(record.at + timedelta(seconds=lend_for_s))
    return min(ends) if closes_at is not None else None


def explain(record: TickRecord, topic: str, name: str | None) -> dict[str, Any]:
    """Say a number's inputs, limits and rule. Raises ``UnknownTopic``."""
    sections = record.sections
    decided = sections["decided"]
    match topic:
        case "window":
            found: Any = {"window": decided["window"], "calendar": sections.get("windows", [])}
        case "offer":
            found = {
                "offer": decided["offer"],
                "window": decided["window"],
                "shape": decided["shape"],
                "lend_for_s": decided["lend_for_s"],
                "holds_until": plain(_holds_until(record)),
                "lenders": sections.get("lenders", []),
            }
        case "load":
            found = {"load": sections["seen"]["load"], "lenders": sections.get("lenders", [])}
        case "demand":
            found = {"demand": decided["demand"], "formula": DEMAND, "yarn": sections["seen"]["yarn"]}
        case "lent":
            found = {**sections["load"], "formula": LENT, "nodes": sections.get("running", [])}
        case "size":
            found = {"size": decided["size"], "offer": decided["offer"], "demand": decided["demand"]}
        case "give-back":
            found = {
                "gives_back": sections.get("statements", []),
                "formula": STATEMENT,
                "ways": _ways(sections["seen"]),
                "window": decided["window"],
                "returns": decided["returns"],
                "nodes": sections.get("running", []),
            }
        case "plan":
            found = {"plan": sections["plan"], "refused": sections["refused"], "done": sections["done"]}
        case "lender":
            found = _one(sections.get("lenders", []), "name", name, "lender")
        case "node":
            node = _one(sections["nodes"], "id", name, "elastic node")
            runs = next((entry for entry in sections.get("running", []) if entry["id"] == node["id"]), None)
            found = {**node, "running": runs}
        case _:
            raise UnknownTopic(f"nothing is known about {topic!r}; ask for one of: {', '.join(TOPICS + ROUND_TOPICS)}")
    return {"pool": record.pool, "tick": record.id, "at": plain(record.at), "topic": topic, "explained": found}


def tenants_status(record: TickRecord | None, at: datetime) -> dict[str, Any] | None:
    """Sum up the last round: what each tenant wants, may have and uses; None before the first."""
    if record is None:
        return None
    return {
        "mode": record.mode,
        "last_round": {"id": record.id, "at": plain(record.at), "age_s": round((at - record.at).total_seconds(), 1)},
        "gaps": record.sections["seen"]["gaps"],
        "tenants": record.sections["tenants"],
        "ledger": record.sections["ledger"],
    }


ROUND_TOPICS = ("shares", "ledger", "tenant NAME", "queue PATH", "namespace NAME")


def explain_round(record: TickRecord, topic: str, name: str | None) -> dict[str, Any]:
    """Say where a tenant's, queue's or namespace's amount comes from. Raises ``UnknownTopic``."""
    sections = record.sections
    match topic:
        case "shares":
            found: Any = {"tenants": sections["tenants"], "leaves": sections["leaves"], "seen": sections["seen"]}
        case "ledger":
            found = {"ledger": sections["ledger"]}
        case "tenant":
            tenant = _one(sections["tenants"], "name", name, "tenant")
            chains = {leaf: chain(sections["question"], leaf) for leaf in tenant["leaves"]}
            found = {"tenant": tenant, "chains": chains}
        case _:
            leaf = _one(sections["leaves"], "leaf", None if name is None else f"{topic}:{name}", topic)
            found = {"leaf": leaf, "chain": chain(sections["question"], leaf["leaf"])}
    return {"pool": "tenants", "tick": record.id, "at": plain(record.at), "topic": topic, "explained": found}


def is_of_round(topic: str) -> bool:
    """Say whether a topic is about tenants."""
    return topic in {known.split()[0] for known in ROUND_TOPICS}


def _ways(seen: Mapping[str, Any]) -> dict[str, Any]:
    """Say in which ways room can be given back besides deleting pods: why not, or null where they can."""
    kube, yarn = seen["kubernetes"], seen["yarn"]
    return {
        "cannot_resize": kube.get("cannot_resize") if isinstance(kube, Mapping) else kube,
        "cannot_decommission": yarn.get("cannot_decommission") if isinstance(yarn, Mapping) else yarn,
        "may_stamp": kube.get("may_stamp", False) if isinstance(kube, Mapping) else False,
    }


def _one(entries: list[dict[str, Any]], key: str, name: str | None, what: str) -> dict[str, Any]:
    """Find one entry by its name."""
    for entry in entries:
        if entry[key] == name:
            return entry
    there = ", ".join(str(entry[key]) for entry in entries[:20]) or "none"
    problem = f"say which {what}" if name is None else f"no {what} is called {name!r}"
    raise UnknownTopic(f"{problem}; there are: {there}")
