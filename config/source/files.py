"""Which files make the configuration, and how they become one block.

The file itself and, beside it, `conf.d/*.yaml` in the order of their names. Sections are merged key by key and
lists are appended; a key that two files give is refused with both places, for neither may silently win.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, Final

from config.complaint import Mark, Notes
from config.source.block import Block, Series
from config.source.reader import Budget, read
from config.source.secrets import Secrets, read_bounded, why

FILE_BYTES: Final = 4 * 1024 * 1024
FILES: Final = 1000


def read_all(path: Path, *, notes: Notes, secrets: Secrets) -> Block:
    """Return the merged top level of the configuration at `path`; what cannot be read is complained of."""
    root = Block(Mark(str(path)))
    budget = Budget()
    for file in (path, *_further(path, notes)):
        top = _read_one(file, notes=notes, secrets=secrets, budget=budget)
        if isinstance(top, Block):
            _merge(root, top, notes)
        elif top is not None:
            notes.complain(
                Mark(str(file), 1, 1),
                (),
                f"the top level must be a mapping (`key: value` lines), not {_noun(top)}",
            )
    return root


def _further(path: Path, notes: Notes) -> list[Path]:
    directory = path.parent / "conf.d"
    try:
        names = sorted(entry.name for entry in directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        notes.complain(Mark(str(directory)), (), f"cannot be read: {why(error)}")
        return []
    files = []
    for name in names:
        if name.startswith(".") or not name.endswith((".yaml", ".yml")):
            continue
        if name.endswith(".yml"):
            notes.warn(f"{directory / name} is not read: only *.yaml is")
        elif not (directory / name).resolve().is_relative_to(path.parent.resolve()):
            notes.complain(Mark(str(directory / name)), (), "leads out of the directory of the configuration")
        else:
            files.append(directory / name)
    if len(files) > FILES:
        notes.complain(Mark(str(directory)), (), f"holds {len(files):,} files; at most {FILES:,} are read")
    return files[:FILES]


def _read_one(path: Path, *, notes: Notes, secrets: Secrets, budget: Budget) -> Any:
    try:
        data, mode = read_bounded(path, FILE_BYTES)
    except OSError as error:
        notes.complain(Mark(str(path)), (), f"cannot be read: {why(error)}")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        notes.complain(Mark(str(path), line, column), (), "is not UTF-8 text")
        return None
    top, open_secrets = read(text, str(path), notes=notes, secrets=secrets, budget=budget)
    if open_secrets and mode & stat.S_IROTH:
        notes.warn(f"{path} holds secrets and can be read by everybody on this machine: chmod o-r {path}")
    return top


def _merge(root: Block, top: Block, notes: Notes) -> None:
    for key, value in top.items():
        place = top.place_of(key)
        if key not in root:
            root.put(key, value, place)
            continue
        known = root[key]
        if isinstance(known, Block) and isinstance(value, Block):
            root[key] = _joined(known, value, key, notes)
        elif isinstance(known, Series) and isinstance(value, Series):
            root[key] = Series(known.mark, [*known, *value], [*known.places, *value.places])
        else:
            notes.complain(place.key, (key,), f"is given twice; first in {root.place_of(key).key}")


def _joined(known: Block, more: Block, section: str, notes: Notes) -> Block:
    joined = Block(known.mark, known, known.places)
    for key, value in more.items():
        if key in known:
            notes.complain(
                more.place_of(key).key, (section, key), f"is given twice; first in {known.place_of(key).key}"
            )
        else:
            joined.put(key, value, more.places.get(key))
    return joined


def _noun(value: object) -> str:
    return {Series: "a list", str: "a text", bool: "a word"}.get(type(value), "a number")
