"""What the kernel holds a container to (cgroup v1, as the lab's kernel has it)."""

from __future__ import annotations

from pathlib import Path


def held_to(container_id: str) -> tuple[int, int, int]:
    """Read the container's cgroup: shares, quota in millicores (-1: none), memory limit in MiB."""
    quota_us, period_us = (
        _read(container_id, "cpu", "cpu.cfs_quota_us"),
        _read(container_id, "cpu", "cpu.cfs_period_us"),
    )
    millicores = -1 if quota_us < 0 else quota_us * 1000 // period_us
    memory_mib = _read(container_id, "memory", "memory.limit_in_bytes") // 2**20
    return _read(container_id, "cpu", "cpu.shares"), millicores, memory_mib


def _read(container_id: str, controller: str, name: str) -> int:
    root = Path("/sys/fs/cgroup") / controller
    (folder,) = (found for found in root.rglob(f"*{container_id}*") if found.is_dir())
    return int((folder / name).read_text(encoding="ascii"))
