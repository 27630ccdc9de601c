"""RFC 3339 times, as Kubernetes writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def write_time(at: datetime) -> str:
    """Write an instant, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(text: str | None) -> datetime | None:
    """Read an instant; None when it is absent."""
    return None if text is None else datetime.fromisoformat(text)
