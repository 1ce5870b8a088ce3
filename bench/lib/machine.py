"""Where it was measured, and what."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from lib.process import ROOT, Unavailable, tool

LIBRARIES = ("aiohttp", "uvloop", "httptools", "pydantic", "sqlalchemy", "apprise")
PEERS = {
    "nginx": ("nginx", "-v"),
    "Prometheus": ("prometheus", "--version"),
    "blackbox_exporter": ("prometheus-blackbox-exporter", "--version"),
    "Alertmanager": ("prometheus-alertmanager", "--version"),
    "monit": ("monit", "--version"),
    "OpenSSL": ("openssl", "version"),
}
_NUMBER = re.compile(r"\d+\.\d+[\w.]*")


def machine() -> dict[str, object]:
    """Return the machine and our versions as values."""
    return {
        "nightbell": version("nightbell"),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "kernel": platform.release(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "load_1m": round(os.getloadavg()[0], 2),
    }


def described() -> dict[str, str]:
    """Return the machine and all versions as people read them."""
    here = machine()
    return {
        "processor": f"{here['cpu']}, {here['cores']} cores",
        "memory": f"{here['memory_gb']} GB",
        "kernel": f"Linux {here['kernel']}",
        "Nightbell": f"{here['nightbell']}{_commit()}, Python {here['python']}",
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "beside": ", ".join(f"{name} {_version(*command)}" for name, command in PEERS.items()),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _version(program: str, option: str) -> str:
    try:
        told = subprocess.run([tool(program), option], capture_output=True, text=True, check=False)
    except (Unavailable, OSError):
        return "(absent)"
    found = _NUMBER.search(told.stdout + told.stderr)
    return found[0] if found else "(unknown)"


def _commit() -> str:
    """Return the revision that is checked out, marked where files differ from it."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" ({told.stdout.strip()})"
