"""How the two simulated systems say no.

ApiRefusal   the API server
RmRefusal    the ResourceManager
"""

from __future__ import annotations

from collections.abc import Mapping


class ApiRefusal(Exception):
    """The API server says no."""

    def __init__(self, status: int, reason: str, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.details = details


class RmRefusal(Exception):
    """The ResourceManager says no, with the status and the exception's name that its REST interface would give."""

    def __init__(self, status: int, exception: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.exception = exception


def check_uid(kind: str, name: str, uid: str, wanted: str | None) -> None:
    """Refuse a call that means another object of the same name."""
    if wanted is not None and wanted != uid:
        text = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"
        raise ApiRefusal(409, "Conflict", f'Operation cannot be fulfilled on {kind} "{name}": {text}')
