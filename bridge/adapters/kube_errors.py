"""The Kubernetes client's errors as the ports', saying what was tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.ports import Denied, Rejected, Unavailable
from k8s_pool import Forbidden, KubeUnavailable, Refused


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the package's errors into the ports', saying what was tried."""
    try:
        yield
    except KubeUnavailable as error:
        raise Unavailable(f"could not {what}: {error}") from error
    except Forbidden as error:
        raise Denied(f"not allowed to {what}: {error}") from error
    except Refused as error:
        raise Rejected(f"the API server would not {what}: {error}") from error
