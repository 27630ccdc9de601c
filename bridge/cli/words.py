"""Sentences for people, made from the reasons and limits that the core carries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.core.load import SignalReason
from bridge.core.reasons import CheckFailure, Gap, LenderRefusal, Limit, Reason, Verdict

REASONS: dict[Reason, str] = {
    Reason.WORK_IS_WAITING: "containers wait that it could run",
    Reason.WORK_RETURNED: "work is waiting again, and this node is the cheapest capacity",
    Reason.NO_WORK_FOR_IT: "nothing waits for it, and that has lasted",
    Reason.WINDOW_ENDS: "the window ends",
    Reason.WINDOW_CLOSED: "no window is open",
    Reason.KUBERNETES_NEEDS_ROOM: "Kubernetes needs the room",
    Reason.WORTH_HAS_CHANGED: "its work is worth more, or less, than it says",
    Reason.LOAD_WILL_RISE: "the forecast doesn't exclude that the online services need the room soon",
    Reason.SIGNAL_IS_LOST: "the load signal has been lost for long",
    Reason.LENDER_REFUSES: "its Kubernetes node no longer lends",
    Reason.ONLINE_PODS_WAIT: "online pods wait, and the scheduler has found no room for them",
    Reason.LENDER_UNDER_PRESSURE: "its Kubernetes node is short of memory, disk or process ids",
    Reason.DEADLINE_NEAR: "its deadline is near",
    Reason.NOTHING_RUNS_ON_IT: "nothing runs on it",
    Reason.CONTAINER_CAME_LATE: "a container came while it was being closed",
    Reason.REGISTERED: "its NodeManager has registered",
    Reason.CAME_BACK: "the ResourceManager sees it again",
    Reason.NEVER_SERVED: "it did not serve in time",
    Reason.POD_ENDED: "its pod has ended",
    Reason.POD_SEEN: "its pod is there",
    Reason.DELETED_BY_ANOTHER: "somebody else deleted its pod",
    Reason.NODE_UNSEEN: "the ResourceManager no longer sees it",
    Reason.LOST_TOO_LONG: "the ResourceManager has not seen it for too long",
    Reason.NO_LONGER_WANTED: "it is no longer wanted",
    Reason.VERIFIED_FREE: "its room is verified free",
    Reason.LABEL_BEFORE_WORK: "its address needs the label before it registers",
    Reason.ADDRESS_IS_FREE: "its address is free again",
    Reason.LABEL_IS_MISSING: "the cluster does not know the pool's label yet",
    Reason.AMOUNT_DIFFERS: "one of the systems holds another amount",
    Reason.RESIZE_REFUSED: "its Kubernetes node has no room for it to grow",
}

LIMITS: dict[Limit, str] = {
    Limit.NO_WINDOW_OPEN: "no window is open",
    Limit.WINDOW_IS_ENDING: "the window is ending",
    Limit.WINDOW_RATIO: "the window's max_ratio of the lenders' allocatable",
    Limit.WINDOW_AMOUNT: "the window's max_cores or max_memory_mib",
    Limit.LENDERS_ROOM: "the lenders' room: what they have, less margin or cap, less what online pods take",
    Limit.FORECAST: "the forecast of single lenders: what they take within the time a new node must last",
    Limit.FORECAST_TOTAL: "the forecast of all lenders together",
    Limit.HISTORY_UNKNOWN: "the load's history can't be read now, so nothing is lent anew",
    Limit.SIGNAL_FROZEN: "the load signal isn't trusted now, so nothing is lent anew",
    Limit.SIGNAL_SHRINKING: "the load signal has been lost for long, so what is lent goes back step by step",
    Limit.KEEP_FREE: "the room kept free over all lenders",
    Limit.ONLINE_PODS_WAIT: "online pods wait for a node",
    Limit.MAX_NODES: "limits.max_nodes",
    Limit.ENTITLEMENT: "YARN's part of what both systems share",
    Limit.LABEL_MISSING: "the ResourceManager does not know the pool's node label, or has it as exclusive",
    Limit.PAUSED: "an operator's pause",
    Limit.WORLD_UNKNOWN: "a part of the world could not be read",
    Limit.DEMAND: "what YARN could use",
    Limit.DEMAND_UNKNOWN: "the demand could not be read",
    Limit.GROW_PER_TICK: "limits.grow_per_tick",
    Limit.COOL_DOWN: "limits.cool_down_s has not passed",
}

SIGNALS: dict[SignalReason, str] = {
    SignalReason.IN_TIME: "its samples come in time",
    SignalReason.NO_ANSWER: "its source could not be asked",
    SignalReason.NO_SAMPLE: "its source said nothing",
    SignalReason.TOO_OLD: "its samples have stopped",
    SignalReason.UNCONFIRMED: "what it says has not lasted yet",
    SignalReason.ZERO_UNCONFIRMED: "it says zero, and that has not lasted",
    SignalReason.NEVER_SEEN: "it has never said anything that could be believed",
}

GAPS: dict[Gap, str] = {
    Gap.UNREACHABLE: "no answer",
    Gap.FORBIDDEN: "a right is missing",
    Gap.STALE: "the last view is too old",
    Gap.NOT_UNDERSTOOD: "the answer could not be read",
}

REFUSALS: dict[LenderRefusal, str] = {
    LenderRefusal.DELETING: "is being deleted",
    LenderRefusal.CORDONED: "is cordoned",
    LenderRefusal.NOT_READY: "is not ready",
    LenderRefusal.PRESSURE: "is under pressure",
    LenderRefusal.TAINT: "has a taint that the pod template does not tolerate",
    LenderRefusal.NO_POD_SLOTS: "has no pod slots left",
    LenderRefusal.NO_EPHEMERAL_STORAGE: "has no ephemeral storage left",
    LenderRefusal.UNKNOWN_ROLE: "does not say that it may lend",
    LenderRefusal.LOAD_UNKNOWN: "has no load that could be believed",
    LenderRefusal.LOAD_STALE: "has had no new load for a while",
}

FAILURES: dict[CheckFailure, str] = {
    CheckFailure.LENDER_OVERSOLD: "the lender would be oversold",
    CheckFailure.ABOVE_OFFER: "it is above the offer",
    CheckFailure.WORLD_UNKNOWN: "a part of the world could not be read",
    CheckFailure.NO_DEADLINE: "it has no deadline",
    CheckFailure.DEADLINE_PASSED: "its deadline is too near",
    CheckFailure.TRANSITION_NOT_ALLOWED: "the table of states does not allow it",
    CheckFailure.CUSTOM_RESOURCES: "the node carries custom resources, which a resize over REST would drop",
    CheckFailure.SHAPE_BELOW_MINIMUM: "the ResourceManager would turn away a node below its minimum allocation",
    CheckFailure.KILLS_BEFORE_TIME: "it would kill work before its time",
    CheckFailure.ABOVE_ITS_POD: "its pod hasn't been given as much yet",
}


VERDICTS: dict[Verdict, str] = {
    Verdict.BY_ITSELF: "the deadline holds",
    Verdict.BY_PREEMPTION: "the deadline holds",
    Verdict.BY_DELETION: "the deadline holds, but the ResourceManager can't be told: pods are deleted with what runs",
    Verdict.EXTENDED: "the deadline is extended to {ready}, so that work may end",
    Verdict.LATE: "the deadline is missed; back by {ready} at the earliest",
    Verdict.UNKNOWN: "nobody can say whether the deadline holds: Kubernetes can't be read",
}

REMEDIES: dict[tuple[str, Gap], str] = {
    ("kubernetes", Gap.UNREACHABLE): "see that the API server runs, and that kubernetes.kubeconfig and context name it",
    ("kubernetes", Gap.FORBIDDEN): "grant it; config/rbac.yaml has all that is needed",
    ("yarn", Gap.UNREACHABLE): "see that a ResourceManager runs at one of its cluster's resourcemanagers",
    ("yarn", Gap.NOT_UNDERSTOOD): "see that its cluster's resourcemanagers are web addresses of ResourceManagers",
}


def reason(word: str) -> str:
    """Say why something is done, has moved, or isn't trusted."""
    if word in set(SignalReason):
        return SIGNALS[SignalReason(word)]
    return REASONS[Reason(word)] if word in set(Reason) else word


def limit(word: str) -> str:
    """Say a limit as a clause."""
    return LIMITS[Limit(word)] if word in set(Limit) else word


def gap(word: str) -> str:
    """Say a gap as a clause."""
    return GAPS[Gap(word)] if word in set(Gap) else word


def remedy(part: str, gap: Gap) -> str:
    """Say what to do about a part that could not be read; the journal's own words say it already."""
    known = REMEDIES.get((part, gap))
    return "" if known is None else f"; {known}"


def load(found: Mapping[str, Any]) -> str:
    """Say how far the load signal is trusted, and what it says."""
    cores = "unknown" if found["total_millicores"] is None else f"{found['total_millicores'] / 1000:g} cores in use"
    why = SIGNALS[SignalReason(found["reason"])]
    return f"{cores}; signal {found['state']} since {moment(found['since'])}, because {why}"


def refusal(word: str) -> str:
    """Say why a lender lends nothing."""
    return REFUSALS[LenderRefusal(word)] if word in set(LenderRefusal) else word


def failure(word: str) -> str:
    """Say why the check took a step out."""
    return FAILURES[CheckFailure(word)] if word in set(CheckFailure) else word


def moment(text: str | None) -> str:
    """Write an instant for people, in their own time zone."""
    return "-" if text is None else datetime.fromisoformat(text).astimezone().strftime("%a %H:%M:%S")


def clock(text: str | None) -> str:
    """Write the time of day of an instant that is less than a day away."""
    return "-" if text is None else datetime.fromisoformat(text).astimezone().strftime("%H:%M")


def amount(value: Mapping[str, Any] | None) -> str:
    """Write an amount of either system."""
    if value is None:
        return "-"
    memory = f"{value['memory_mib'] / 1024:.1f} GiB"
    if "vcores" in value:
        return f"{value['vcores']} vcores, {memory}"
    return f"{value['cpu_millicores'] / 1000:g} cores, {memory}"


def step(entry: dict[str, Any]) -> str:
    """Write a step of a plan as one line, with its reason."""
    return f"{act(entry)} ({reason(entry['reason'])})"


def act(entry: dict[str, Any]) -> str:
    """Write what a step of a plan does."""
    match entry["do"]:
        case "create_pod":
            return f"create a pod on {entry['lender']} of {amount(entry['shape'])}, back by {moment(entry['deadline'])}"
        case "resize_node":
            timeout = entry["overcommit_timeout_s"]
            kept = "what runs may end" if timeout < 0 else f"what runs is preempted after {timeout:g} s"
            return f"{entry['purpose']} {entry['node_id']}: to {amount(entry['total'])}, {kept}"
        case "resize_pod":
            return f"resize the pod of {entry['promise']} in place: to {amount(entry['requests'])}"
        case "stamp_pod":
            return f"stamp the pod of {entry['promise']}: its work is worth {entry['worth']} vcore minutes"
        case "delete_pod":
            return f"delete the pod of {entry['promise']}"
        case "map_label":
            return f"map {entry['host']} to node label {entry['label']}"
        case "unmap_label":
            return f"clear the node label of {entry['host']}"
        case "decommission":
            hosts = ", ".join(f"{host} within {timeout_s} s" for host, timeout_s in entry["timeout_s_by_host"])
            return f"decommission gracefully: {hosts}"
        case "readmit":
            return f"take {', '.join(entry['hosts'])} out of the exclude file"
        case "add_label":
            return f"add node label {entry['label']}, not exclusive"
        case other:
            return f"{other} {entry['promise']} to {entry['state']}"


def statement(entry: Mapping[str, Any]) -> str:
    """Say what will come of a deadline."""
    free = f"{entry['free_vcores']} of {entry['vcores']} vcores free by {moment(entry['told_at'])}"
    tasks, apps = entry["preempted_tasks"], entry["preempted_apps"]
    lost = f"{entry['lost_vcore_s'] / 3600:.1f} vcore hours lost"
    price = f"{tasks} tasks of {apps} applications will be preempted, {lost}" if tasks else "no task will be preempted"
    verdict = VERDICTS[Verdict(entry["verdict"])].format(ready=moment(entry["ready_at"]))
    return f"back by {moment(entry['deadline'])}: {free}; {price}; {verdict}"


def flat(values: Mapping[str, object]) -> str:
    """Write keys and values on one line."""
    return ", ".join(f"{key} {value}" for key, value in values.items())
