"""The machine that a measurement was made on, without naming it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from raysearch.provenance import versions


def machine() -> dict[str, str]:
    """Processor, cores, memory, accelerator and versions."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = versions()
    return {
        "processor": f"{_processor()} ({torch.backends.cpu.get_cpu_capability()})",
        "cores": str(os.cpu_count()),
        "memory": f"{memory_bytes / 2**30:.0f} GiB",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        **{name: found[name] for name in ("python", "torch", "ray")},
    }


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
