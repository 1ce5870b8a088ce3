"""The environment of this process, changed for a while: what a user would set before the daemon starts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Set `values` (None: take away) while the context is open."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def behind_proxy(url: str) -> dict[str, str | None]:
    """Return what is to be set so that everything goes through the proxy at `url`, whatever was set before."""
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), url)
    return {**proxies, **dict.fromkeys(("ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"))}
