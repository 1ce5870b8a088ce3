"""What every command is given: which configuration, which daemon, and what time it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.exits import Problem
from monitor.clock import Clock

if TYPE_CHECKING:
    from config.model import Config
    from monitor.cli.output import Paper
    from monitor.cli.whereabouts import Whereabouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The global options, and the way from them to a configuration or to the running daemon."""

    config: Path
    url: str | None
    clock: Clock

    def load(self, running: Config | None = None) -> Config:
        """Load the configuration whole, beside one that is running; raise ConfigError with every complaint."""
        import config

        return config.load(self.config, env=os.environ, state_dir=None, running=running)

    def load_or(self, problem: type[Problem]) -> Config:
        """Load the configuration whole, or raise `problem` with every complaint in its message."""
        import config

        try:
            return self.load()
        except config.ConfigError as error:
            lines = "\n".join(f"  {line}" for line in str(error).splitlines())
            raise problem(f"cannot load the configuration:\n{lines}") from error

    def whereabouts(self) -> Whereabouts:
        """Find the running daemon: by `--url`, or by what the configuration says of it."""
        from monitor.cli import whereabouts

        return whereabouts.find(self.config, self.url, os.environ)

    def paper(self, found: Whereabouts | None = None) -> Paper:
        """Return what people read the answer on, in the site's zone."""
        from monitor.cli.output import Paper

        return Paper(zone=found.zone if found else None, now=self.clock.now())


pass_surroundings = click.make_pass_decorator(Surroundings)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
