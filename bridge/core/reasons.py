"""Why something is as it is: the words that travel from a decision to the log, the journal and the screen.

Sentences are made at the edge (``bridge.cli.words``).
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why an action is taken, or a node has moved."""

    WORK_IS_WAITING = "work_is_waiting"
    WORK_RETURNED = "work_returned"
    NO_WORK_FOR_IT = "no_work_for_it"
    WINDOW_ENDS = "window_ends"
    WINDOW_CLOSED = "window_closed"
    KUBERNETES_NEEDS_ROOM = "kubernetes_needs_room"
    WORTH_HAS_CHANGED = "worth_has_changed"
    LOAD_WILL_RISE = "load_will_rise"
    SIGNAL_IS_LOST = "signal_is_lost"
    LENDER_REFUSES = "lender_refuses"
    ONLINE_PODS_WAIT = "online_pods_wait"
    LENDER_UNDER_PRESSURE = "lender_under_pressure"
    DEADLINE_NEAR = "deadline_near"
    NOTHING_RUNS_ON_IT = "nothing_runs_on_it"
    CONTAINER_CAME_LATE = "container_came_late"
    REGISTERED = "registered"
    CAME_BACK = "came_back"
    NEVER_SERVED = "never_served"
    POD_ENDED = "pod_ended"
    POD_SEEN = "pod_seen"
    DELETED_BY_ANOTHER = "deleted_by_another"
    NODE_UNSEEN = "node_unseen"
    LOST_TOO_LONG = "lost_too_long"
    NO_LONGER_WANTED = "no_longer_wanted"
    VERIFIED_FREE = "verified_free"
    LABEL_BEFORE_WORK = "label_before_work"
    ADDRESS_IS_FREE = "address_is_free"
    LABEL_IS_MISSING = "label_is_missing"
    AMOUNT_DIFFERS = "amount_differs"
    RESIZE_REFUSED = "resize_refused"

    @property
    def is_urgent(self) -> bool:
        """Say whether room is given back at once for it, with the shortest notice."""
        return self in {Reason.ONLINE_PODS_WAIT, Reason.LENDER_UNDER_PRESSURE}


class Gap(StrEnum):
    """Why a part of the world is unknown in a snapshot. Unknown isn't zero."""

    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"
    STALE = "stale"
    NOT_UNDERSTOOD = "not_understood"


class Limit(StrEnum):
    """A limit of the offer or of the size; the one that bound is shown."""

    NO_WINDOW_OPEN = "no_window_open"
    WINDOW_IS_ENDING = "window_is_ending"
    WINDOW_RATIO = "window_ratio"
    WINDOW_AMOUNT = "window_amount"
    LENDERS_ROOM = "lenders_room"
    KEEP_FREE = "keep_free"
    FORECAST = "forecast"
    FORECAST_TOTAL = "forecast_total"
    SIGNAL_FROZEN = "signal_frozen"
    HISTORY_UNKNOWN = "history_unknown"
    SIGNAL_SHRINKING = "signal_shrinking"
    ONLINE_PODS_WAIT = "online_pods_wait"
    MAX_NODES = "max_nodes"
    ENTITLEMENT = "entitlement"
    LABEL_MISSING = "label_missing"
    PAUSED = "paused"
    WORLD_UNKNOWN = "world_unknown"
    DEMAND = "demand"
    DEMAND_UNKNOWN = "demand_unknown"
    GROW_PER_TICK = "grow_per_tick"
    COOL_DOWN = "cool_down"


class LenderRefusal(StrEnum):
    """Why a Kubernetes node lends nothing now."""

    DELETING = "deleting"
    CORDONED = "cordoned"
    NOT_READY = "not_ready"
    PRESSURE = "pressure"
    TAINT = "taint"
    NO_POD_SLOTS = "no_pod_slots"
    NO_EPHEMERAL_STORAGE = "no_ephemeral_storage"
    UNKNOWN_ROLE = "unknown_role"
    LOAD_UNKNOWN = "load_unknown"
    LOAD_STALE = "load_stale"


class CheckFailure(StrEnum):
    """Why an action of a plan was refused at the last check."""

    LENDER_OVERSOLD = "lender_oversold"
    ABOVE_OFFER = "above_offer"
    WORLD_UNKNOWN = "world_unknown"
    NO_DEADLINE = "no_deadline"
    DEADLINE_PASSED = "deadline_passed"
    TRANSITION_NOT_ALLOWED = "transition_not_allowed"
    CUSTOM_RESOURCES = "custom_resources"
    SHAPE_BELOW_MINIMUM = "shape_below_minimum"
    KILLS_BEFORE_TIME = "kills_before_time"
    ABOVE_ITS_POD = "above_its_pod"


class Verdict(StrEnum):
    """Whether a deadline holds, and how."""

    BY_ITSELF = "by_itself"
    """All is expected to have ended before containers would be preempted."""
    BY_PREEMPTION = "by_preemption"
    """It holds, and what still runs is preempted."""
    BY_DELETION = "by_deletion"
    """It holds, but the ResourceManager can't be told: pods are deleted with what runs in them."""
    EXTENDED = "extended"
    """It is missed on purpose, by as much as the window allows, so that work may end."""
    LATE = "late"
    """It will be, or has been, missed."""
    UNKNOWN = "unknown"
    """Kubernetes can't be read or asked: nobody can say."""

    @property
    def is_bad(self) -> bool:
        """Say whether somebody has to know."""
        return self in {Verdict.EXTENDED, Verdict.LATE, Verdict.UNKNOWN}
