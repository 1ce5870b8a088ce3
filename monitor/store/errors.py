"""What can be wrong with the store, as one error with a kind that callers act on."""

from __future__ import annotations

import enum
from pathlib import Path


class Fault(enum.Enum):
    """What kind of trouble it is."""

    BUSY = "busy"
    """Another process holds the write lock for longer than we wait."""
    FULL = "full"
    """No room on the volume."""
    READ_ONLY = "read_only"
    """It cannot be written at all."""
    IO = "io"
    """The file or directory cannot be read, written or found."""
    CORRUPT = "corrupt"
    """The file is damaged or is no database; `path` says which one."""
    NEWER = "newer"
    """A newer version of this program wrote it."""
    UNREACHABLE = "unreachable"
    """The database server does not answer, or there is no driver for it."""
    TAKEN = "taken"
    """Somebody else has it: the state directory another process, a name another token."""
    REFUSED = "refused"
    """What was to be recorded cannot be; the store itself is well."""
    CLOSED = "closed"
    """It is not open, or no longer."""
    OTHER = "other"

    @property
    def passing(self) -> bool:
        """True where it may go away by itself, or by what people do to the machine: it is worth trying again."""
        return self in (Fault.BUSY, Fault.FULL, Fault.READ_ONLY, Fault.IO, Fault.UNREACHABLE)

    @property
    def slow(self) -> bool:
        """True where it took a long wait to learn: to try the next record at once would take as long again."""
        return self in (Fault.BUSY, Fault.UNREACHABLE)


class StoreError(Exception):
    """The store cannot do what it was asked to: "cannot …: cause", without secrets."""

    def __init__(self, message: str, *, fault: Fault = Fault.OTHER, path: Path | None = None) -> None:
        """Keep the kind of fault, and the file where it is one file's fault."""
        super().__init__(message)
        self.fault = fault
        self.path = path

    def again(self) -> StoreError:
        """Return the same once more, to be raised where somebody else asks."""
        return StoreError(str(self), fault=self.fault, path=self.path)
