"""One scrape: our own series, then those of the checks."""

from __future__ import annotations

from monitor.daemon import Daemon
from monitor.metrics.exposition import END, Format, encode
from monitor.metrics.series import CheckSeries


class Scraper:
    """Answers scrapes; keeps how the lines of the checks are written from one to the next."""

    def __init__(self) -> None:
        """Begin with nothing: who is never scraped pays nothing."""
        self._series = CheckSeries()

    async def scrape(self, daemon: Daemon, accept: str = "") -> tuple[str, list[bytes]]:
        """Return the content type that fits an Accept header, and the body in pieces: of 10,000 checks it is 12 MB."""
        from monitor.metrics import own  # prometheus_client takes 60 ms to load: at the first scrape

        form = own.negotiate(accept)
        outbox = await own.ask(daemon)
        config = daemon.config
        checks = await self._series.text(config.checks, config.plan, daemon.samples, form)
        end = END if form is Format.OPENMETRICS else ""
        return form.value, [encode(own.text(daemon, outbox, form)), *checks, encode(end)]
