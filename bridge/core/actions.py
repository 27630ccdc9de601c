"""What a plan is made of: steps that leave the one who acts no choices.

Each step names the promise as it must stand in the journal before its act, and everything the act needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bridge.core.reasons import CheckFailure, Reason
from bridge.core.resources import Resources, Room
from bridge.core.snapshot import Promise


class Purpose(StrEnum):
    """What a resize is for."""

    CORDON = "cordon"
    RECOMMISSION = "recommission"
    FORCE = "force"
    EMPTY = "empty"
    REASSERT = "reassert"
    SHRINK = "shrink"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePod:
    """Make the NodeManager pod of a promise; one that exists already is the same one."""

    promise_id: str
    lender: str
    shape: Resources
    requests: Room
    label: str | None
    lives_at_most: timedelta
    """The dead man's switch: the kubelet ends the pod after this time, whoever else is alive."""
    grace: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeNode:
    """Tell the ResourceManager a node's total.

    ``overcommit_timeout`` None means −1: containers run to their end; else they are preempted after it.
    """

    node_id: str
    total: Resources
    overcommit_timeout: timedelta | None
    purpose: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizePod:
    """Ask for another size of a pod that runs, in place; its containers stay, and what came of it shows in the pod."""

    promise_id: str
    uid: str
    requests: Room
    """What the whole pod is to take of its lender, in the same words as ``CreatePod.requests``."""
    grows: bool
    """On some axis it is more than the pod takes now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePod:
    """Delete a pod by name and uid; another pod of the same name is left alone."""

    promise_id: str
    uid: str | None
    """None for a pod that was asked for and never seen: whichever has the promise's name."""
    grace: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StampPod:
    """Write on a pod what its work is worth, for whoever must evict one."""

    promise_id: str
    uid: str
    worth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLabel:
    """Make the pool's node label known to the cluster, not exclusive."""

    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLabel:
    """Map an address to the pool's label, before a NodeManager registers from it."""

    host: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmapLabel:
    """Clear an address whose pod is gone: addresses are used again."""

    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decommission:
    """Have nodes decommissioned gracefully: they take nothing new, and ApplicationMasters are told.

    What still runs after its host's time, in seconds from the beginning, ends with the node.
    """

    timeout_s_by_host: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readmit:
    """Let NodeManagers register again from these addresses: they are used again."""

    hosts: tuple[str, ...]


Act = (
    CreatePod
    | ResizeNode
    | ResizePod
    | StampPod
    | DeletePod
    | AddLabel
    | MapLabel
    | UnmapLabel
    | Decommission
    | Readmit
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: what the journal says first, what is done then, and why."""

    promise: Promise | None
    """The record to write before the act; None where no node is concerned."""
    act: Act | None
    """None where only the journal moves."""
    reason: Reason
    done: Promise | None = None
    """The record to write once the act has succeeded, where that differs; of a deletion, if there was no pod."""

    @property
    def grows(self) -> bool:
        """Say whether the step lends more than before; such a step needs the journal and a full view of the world."""
        match self.act:
            case CreatePod():
                return True
            case ResizeNode(purpose=Purpose.RECOMMISSION | Purpose.REASSERT):
                return True
            case ResizePod(grows=grows):
                return grows
            case _:
                return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A step that the last check took out of the plan."""

    step: Step
    failure: CheckFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in the order in which they are done: giving back first, growing last."""

    steps: tuple[Step, ...]
    refusals: tuple[Refusal, ...] = ()

    @property
    def acts(self) -> tuple[Step, ...]:
        """The steps that change either system."""
        return tuple(step for step in self.steps if step.act is not None)

    @property
    def moves(self) -> tuple[Step, ...]:
        """The steps that only write down what was seen."""
        return tuple(step for step in self.steps if step.act is None)
