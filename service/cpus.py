"""How many CPUs this process may use: the kernel's affinity mask, and the container's limit where there is one.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max) and https://docs.kernel.org/scheduler/sched-bwc.html
(cpu.cfs_quota_us), read 2026-11.
"""

import math
import os
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")


def usable_cpus(cgroups: Path = CGROUPS) -> int:
    """Return at least 1; a limit of half a CPU counts as one, since a worker is indivisible."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    quota = _quota(cgroups)
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def _quota(cgroups: Path) -> float | None:
    """CPUs that the container may use on average; None where nothing limits it."""
    quota, _, period = _read(cgroups / "cpu.max").partition(" ")  # version 2: "200000 100000" or "max 100000"
    if not quota:  # version 1: a file each, and -1 for no limit
        quota, period = _read(cgroups / "cpu" / "cpu.cfs_quota_us"), _read(cgroups / "cpu" / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
