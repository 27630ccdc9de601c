"""How a pod says that it is Tidebridge's, and which one it is.

Labels and annotations that travel with the pod; its name follows from them. A pod counts as ours only when it lives
in our namespace under the name its labels derive, so that a hand-made copy is noticed and not adopted.
"""

import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum

PREFIX = "tidebridge.dev/"
MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
POOL = "tidebridge.dev/pool"
PROMISE = "tidebridge.dev/promise"
DEADLINE = "tidebridge.dev/deadline"
SHAPE = "tidebridge.dev/shape"
EVICTION_PRIORITY = "koordinator.sh/eviction-priority"
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"

MANAGER = "tidebridge"
NODEMANAGER = "nodemanager"

_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Identity(StrEnum):
    """Whose a pod is."""

    OURS = "ours"
    IMPOSTOR = "impostor"
    """Carries our labels, but not the name they derive, or lives in another namespace."""
    NONE = "none"


def pod_name(pool: str, promise: str) -> str:
    """Return the name of the pod that *promise* of *pool* makes; the same each time, so that a retry meets itself.

    Where pool and promise don't fit in a pod's name (63 characters of a-z, 0-9 and -), a digest of them stands in.
    """
    name = f"nm-{pool}-{promise}"
    if _DNS_LABEL.fullmatch(name):
        return name
    return f"nm-{hashlib.sha256(f'{pool}/{promise}'.encode()).hexdigest()[:32]}"


def identity_labels(pool: str, promise: str) -> dict[str, str]:
    """Return the labels that make a pod ours."""
    return {MANAGED_BY: MANAGER, COMPONENT: NODEMANAGER, POOL: pool, PROMISE: promise}


def identity_of(name: str, labels: Mapping[str, str], *, is_home: bool) -> Identity:
    """Say whose the pod *name* with *labels* is; *is_home*: it lives in the namespace Tidebridge puts its pods in."""
    pool, promise = labels.get(POOL), labels.get(PROMISE)
    if pool is None and promise is None:
        return Identity.NONE
    if pool is None or promise is None or not is_home:
        return Identity.IMPOSTOR
    is_complete = labels.get(MANAGED_BY) == MANAGER and labels.get(COMPONENT) == NODEMANAGER
    return Identity.OURS if is_complete and name == pod_name(pool, promise) else Identity.IMPOSTOR
