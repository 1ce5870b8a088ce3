from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import config as configuration
from alerting.state import Changes, Proof, State
from lab.web_daemon import START
from monitor.web.public import status
from monitor.web.public.schema import PublicState
from probes.sample import ErrorClass, Outcome, Sample


def test_a_service_whose_check_never_worked_is_unknown_and_not_green(tmp_path: Path) -> None:
    file = tmp_path / "nightbell.yaml"
    file.write_text(
        "checks: {home: 'http://127.0.0.1:9/'}\nservices: {shop: {title: Shop, checks: [home]}}\n"
    )
    config = configuration.load(file, env={}, state_dir=tmp_path / "state")
    down = Sample(check="home", at=START, duration=0.1, outcome=Outcome.DOWN, error=ErrorClass.CONNECT)
    state = State()
    now = START + timedelta(seconds=1)

    assert status.states(config, state, {"home": down}, now) == {"shop": PublicState.UNKNOWN}

    state.apply(Changes(records=(Proof(id="home", at=START),)))
    assert status.states(config, state, {"home": down}, now) == {"shop": PublicState.OPERATIONAL}
