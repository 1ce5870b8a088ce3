"""Which file systems are mounted on this machine, and which of them are worth measuring."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

# Kernel views, images that are full by design, layers of what is measured beneath them, and memory.
# fmt: off
NOT_DISKS: Final = frozenset({
    "aufs", "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "cramfs", "debugfs", "devfs", "devpts",
    "devtmpfs", "ecryptfs", "efivarfs", "erofs", "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal", "fuse.snapfuse",
    "fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs", "overlay", "proc", "procfs", "pstore", "ramfs", "rootfs",
    "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tmpfs", "tracefs", "udf",
})
_REMOTE: Final = frozenset({
    "9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs",
})
# fmt: on
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")
_MOUNTS: Final = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mounted file system. `path` is what the kernel calls it, `name` the same in printable UTF-8."""

    path: str
    name: str
    device: str
    root: str
    source: str
    type: str
    read_only: bool

    @property
    def remote(self) -> bool:
        """True when another machine or program has to answer, and may not."""
        return self.type in _REMOTE or self.type.startswith("fuse")


def read_table() -> str:
    """Read the kernel's table of the mounts this process sees."""
    return _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")


def parse_mounts(text: str) -> list[Mount]:
    """Return the mounts of a mountinfo table (proc(5)); of several on one path only the uppermost."""
    mounts: dict[str, Mount] = {}
    for line in text.split("\n"):
        before, separator, after = line.partition(" - ")
        place, kind = before.split(" "), after.split(" ")
        if not separator or len(place) < 6 or len(kind) < 3:
            continue
        path = _unescape(place[4])
        mounts[path] = Mount(
            path=path,
            name=_printable(path),
            device=place[2],
            root=_unescape(place[3]),
            type=kind[0],
            source=_unescape(kind[1]),
            # The file system's own flag, not the mount's: a sandbox shows every mount to us read-only, and a
            # kernel that found errors turns the file system itself read-only.
            read_only="ro" in kind[2].split(","),
        )
    return list(mounts.values())


def choose(mounts: Iterable[Mount], *, include: Sequence[str], exclude: Sequence[str]) -> list[Mount]:
    """Return the mounts to measure, the local ones first.

    A path written out in `include` is measured whatever it is. Otherwise `include` narrows and `exclude`
    takes away (both glob patterns), what is no disk is left out, and of several mounts of one file system
    the one nearest to its root stays.
    """
    chosen: list[Mount] = []
    of_device: dict[str, Mount] = {}
    for mount in mounts:
        if mount.path in include:
            chosen.append(mount)
        elif _wanted(mount, include, exclude):
            rival = of_device.get(mount.device)
            if rival is None or _closeness(mount) < _closeness(rival):
                of_device[mount.device] = mount
    named = {mount.device for mount in chosen}
    chosen += [mount for device, mount in of_device.items() if device not in named]
    return sorted(chosen, key=lambda mount: (mount.remote, mount.path))


def is_pattern(text: str) -> bool:
    """Say whether `text` is a glob pattern and no plain path."""
    return any(sign in text for sign in "*?[")


def _wanted(mount: Mount, include: Sequence[str], exclude: Sequence[str]) -> bool:
    if include and not any(fnmatchcase(mount.path, pattern) for pattern in include):
        return False
    if any(fnmatchcase(mount.path, pattern) for pattern in exclude):
        return False
    if mount.path == "/":  # in a container or a live system the root is a layer, and still what fills up
        return True
    return mount.type not in NOT_DISKS and not mount.source.startswith("/dev/loop")


def _closeness(mount: Mount) -> tuple[bool, int, str]:
    return mount.root != "/", len(mount.path), mount.path


def _unescape(text: str) -> str:
    # The kernel writes blanks, tabs, newlines and backslashes as three octal digits.
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def _printable(path: str) -> str:
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
