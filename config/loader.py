"""Loading: file to configuration, or every complaint at once. One screen tells the way."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from config.advice import advise
from config.alike import Alike
from config.building.canaries import build_canaries, eyes
from config.building.checks import build_checks
from config.building.places import build_history, build_listen, build_runbooks, build_store
from config.building.plan import build_channels, build_plan
from config.building.staff import build_answering, build_policies
from config.building.thresholds import build_rules
from config.complaint import Notes, Unplaced
from config.consistency import check_consistency
from config.document import decode_document
from config.kinds import Kinds, shipped_kinds
from config.model import Config
from config.pack import shipped_thresholds
from config.references import check_references
from config.shorthand import expand
from config.source.files import read_all
from config.source.secrets import Secrets


def load(
    path: Path,
    *,
    env: Mapping[str, str],
    state_dir: Path | None = None,
    kinds: Kinds | None = None,
    running: Config | None = None,
) -> Config:
    """Return the configuration at `path`, with `conf.d/*.yaml` beside it. Raises ConfigError.

    `env` is where `${env:X}`, $CREDENTIALS_DIRECTORY and $STATE_DIRECTORY come from; `state_dir` overrides the
    state directory; `kinds` replaces the shipped kinds of probes and notifiers. Checks that are as they are in the
    `running` configuration are taken from there.
    """
    whole = partial(
        _load, path, env=env, state_dir=state_dir, kinds=kinds or shipped_kinds(), running=running
    )
    try:
        return whole(notes=Notes(placed=False))
    except Unplaced:  # somebody has made a mistake, and will be told where
        return whole(notes=Notes())


def _load(
    path: Path,
    *,
    notes: Notes,
    env: Mapping[str, str],
    state_dir: Path | None,
    kinds: Kinds,
    running: Config | None,
) -> Config:
    directory = path.parent
    alike = Alike(running.checks if running else {})

    # 1. Text: YAML, secrets put in.
    root = read_all(path, notes=notes, secrets=Secrets(env=env, directory=directory, notes=notes))
    # 2. Shape: short forms written out, every entry typed.
    document = decode_document(expand(root, kinds, notes), kinds, notes, alike)
    # 3. Sense: names that lead somewhere, thresholds in the unit of their metric, files that can be read.
    check_references(document, kinds, notes)
    check_consistency(document, notes)
    rules = build_rules(document, shipped_thresholds(), kinds, notes)
    runbooks = build_runbooks(document, directory, notes)
    listen = build_listen(document, directory, notes)
    store, state = build_store(document, env=env, state_dir=state_dir, notes=notes)
    notes.raise_if_any()
    # 4. The whole.
    answering = build_answering(document, build_policies(document))
    built = build_checks(document, rules, answering, runbooks, running)
    canaries = build_canaries(document)
    advise(document, rules, built, notes)
    return Config(
        path=path,
        plan=build_plan(document, {**built.plans, **eyes(canaries, answering)}, answering, runbooks),
        checks=built.checks,
        canaries=canaries,
        channels=build_channels(document),
        listen=listen,
        store=store,
        state_dir=state,
        workers=document.workers,
        history=build_history(document),
        warnings=tuple(notes.warnings),
    )
