"""The YARN client's errors as the ports', saying what was tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.ports import Denied, NotUnderstood, Rejected, Unavailable
from yarn_client import BadReply, CustomResourcesAtRisk, Forbidden, RmRefused, RmUnavailable


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the client's errors into the ports', saying what was tried."""
    try:
        yield
    except RmUnavailable as error:
        raise Unavailable(f"could not {what}: {error}") from error
    except Forbidden as error:
        raise Denied(f"not allowed to {what}: {error}; add the bridge's user to yarn.admin.acl") from error
    except (RmRefused, CustomResourcesAtRisk) as error:
        raise Rejected(f"the ResourceManager would not {what}: {error}") from error
    except BadReply as error:
        raise NotUnderstood(f"could not {what}: {error}") from error
