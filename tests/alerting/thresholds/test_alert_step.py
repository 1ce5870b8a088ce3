"""An alert's way: pending for as long as asked, firing, held between its marks, recovering, resolved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from alerting.alert import Alert, AlertState, step
from alerting.severity import Severity
from alerting.thresholds.threshold import Level, Threshold
from alerting.thresholds.verdict import judge
from lab.desk_plans import UNKNOWN as ON_UNKNOWN
from lab.desk_plans import above, below, down, level
from probes.sample import ErrorClass, Outcome, Sample

START = datetime(2027, 1, 4, tzinfo=UTC)
W, C = Severity.WARNING, Severity.CRITICAL


def value(threshold: Threshold, numbers: list[float], *, every: float = 60) -> list[str]:
    """Return what becomes of an alert, one word a sample: "-" for none, "c!" firing critical, "w?" pending…"""
    samples = [{"values": {"m": number}} for number in numbers]
    return _words(threshold, samples, every=every)


def outcomes(threshold: Threshold, letters: str, *, proven: bool = True) -> list[str]:
    """Return the same for outcomes: u(p), d(own), ?(unknown)."""
    kinds = {"u": Outcome.UP, "d": Outcome.DOWN, "?": Outcome.UNKNOWN}
    return _words(threshold, [{"outcome": kinds[letter]} for letter in letters], proven=proven)


def _words(threshold: Threshold, samples: list[dict], *, every: float = 60, proven: bool = True) -> list[str]:
    alert: Alert | None = None
    words = []
    for turn, fields in enumerate(samples):
        at = START + timedelta(seconds=every * turn)
        sample = Sample(check="x", at=at, duration=0, **{"outcome": Outcome.UP, **fields})
        for verdict in judge(threshold, sample, proven=proven):
            alert = step(alert, verdict, threshold)
        words.append(_word(alert))
    return words


def _word(alert: Alert | None) -> str:
    marks = {
        AlertState.PENDING: "?",
        AlertState.FIRING: "!",
        AlertState.RECOVERING: "~",
        AlertState.RESOLVED: ".",
    }
    if alert is None or alert.state is AlertState.OK:
        return "-"
    return alert.severity.value[0] + marks[alert.state]


@pytest.mark.parametrize(
    ("threshold", "letters", "words"),
    [
        pytest.param(down(), "uuu", "- - -", id="well"),
        pytest.param(down(), "ddd", "c? c? c!", id="the third failure fires, the first counts"),
        pytest.param(down(), "dduddd", "c? c? - c? c? c!", id="a success begins the count again"),
        pytest.param(down(), "d?d?d", "c? c? c? c? c!", id="unknown neither counts nor forgives"),
        pytest.param(down(), "dddu?u", "c? c? c! c~ c~ c.", id="two good runs end it"),
        pytest.param(down(), "dddudu", "c? c? c! c~ c! c~", id="a relapse fires at once"),
        pytest.param(down(), "ddduuddd", "c? c? c! c~ c. c? c? c!", id="after its end the count begins anew"),
        pytest.param(down(failures=1, recover=1), "dud", "c! c. c!", id="one failure, one success"),
        pytest.param(ON_UNKNOWN, "???", "w? w? w!", id="three unknowns are a warning"),
        pytest.param(ON_UNKNOWN, "???d", "w? w? w! w.", id="down is not unknown"),
        pytest.param(ON_UNKNOWN, "ddd", "- - -", id="down alone is no unknown"),
        pytest.param(down(severity=Severity.INFO), "ddd", "i? i? i!", id="as mild as configured"),
    ],
)
def test_outcomes(threshold, letters, words):
    assert outcomes(threshold, letters) == words.split()


SOME = down(of=5)
"""Three failures of the last five runs."""


@pytest.mark.parametrize(
    ("threshold", "letters", "words"),
    [
        pytest.param(SOME, "ddd", "c? c? c!", id="in a row"),
        pytest.param(SOME, "dudud", "c? c? c? c? c!", id="three of five with good ones between"),
        pytest.param(SOME, "duuuud", "c? c? c? c? c? c?", id="the first is too long ago when the next comes"),
        pytest.param(SOME, "duuuuu", "c? c? c? c? c? -", id="five good runs, and it came to nothing"),
        pytest.param(SOME, "dduuud", "c? c? c? c? c? c?", id="two of five are too few"),
        pytest.param(SOME, "d?d?d", "c? c? c? c? c!", id="unknown is no run that counts"),
        pytest.param(SOME, "duduuudd", "c? c? c? c? c? c? c? c?", id="the window moves on"),
        pytest.param(SOME, "duduuuddd", "c? c? c? c? c? c? c? c? c!", id="and fires when it has three"),
        pytest.param(SOME, "dududuu", "c? c? c? c? c! c~ c.", id="good runs in a row end it"),
    ],
)
def test_failures_among_some_runs(threshold, letters, words):
    assert outcomes(threshold, letters) == words.split()


@pytest.mark.parametrize(
    ("mark", "numbers", "words"),
    [
        pytest.param(Level(equals=2.0), [1, 2, 3, 2], "- c! c. c!", id="this very value"),
        pytest.param(
            Level(outside=(1.0, 3.0)), [2, 0.5, 1, 3.5, 3], "- c! c. c! c.", id="outside of two marks"
        ),
        pytest.param(
            Level(outside=(1.0, 4.0), inside=(2.0, 3.0)),
            [2, 0.5, 1.5, 2, 4.5, 3.5, 3],
            "- c! c! c. c! c! c.",
            id="ends further inside",
        ),
    ],
)
def test_values_that_are_or_lie_where_they_should_not(mark, numbers, words):
    assert value(level("m", critical=mark), numbers) == words.split()


@given(bits=st.lists(st.booleans(), max_size=40), few=st.integers(1, 6), more=st.integers(0, 6))
def test_it_fires_with_the_first_sample_that_makes_enough_failures_of_the_last_runs(bits, few, more):
    threshold, last = down(failures=few, of=few + more, recover=1), few + more
    words = outcomes(threshold, "".join("d" if bad else "u" for bad in bits))
    first = next(
        (n for n in range(len(bits)) if bits[n] and sum(bits[max(0, n + 1 - last) : n + 1]) >= few), None
    )
    assert next((n for n, word in enumerate(words) if word == "c!"), None) == first


@pytest.mark.parametrize(
    ("threshold", "letters", "words"),
    [
        pytest.param(down(), "ddd", "w? w? w!", id="never worked: a warning"),
        pytest.param(down(severity=W), "ddd", "w? w? w!", id="a warning stays one"),
        pytest.param(down(severity=Severity.INFO), "ddd", "i? i? i!", id="info stays info"),
        pytest.param(ON_UNKNOWN, "???", "w? w? w!", id="unknown as ever"),
    ],
)
def test_outcomes_of_a_check_that_never_worked(threshold, letters, words):
    assert outcomes(threshold, letters, proven=False) == words.split()


TWO = level("m", warning=above(80, clear=70), critical=above(90, clear=85))
LOW = level("m", warning=below(10, clear=15), critical=below(4, clear=8))


@pytest.mark.parametrize(
    ("threshold", "numbers", "words"),
    [
        pytest.param(
            TWO, [80, 80.1, 80], "- w! w!", id="at the mark is no breach, between the marks it stays"
        ),
        pytest.param(TWO, [85, 70.1, 70], "w! w! w.", id="at the clear mark it is over"),
        pytest.param(TWO, [75, 75], "- -", id="between the marks nothing begins"),
        pytest.param(
            TWO, [95, 87, 85, 87, 91], "c! c! w! w! c!", id="critical is held until its own clear mark"
        ),
        pytest.param(TWO, [95, 60, 75, 85], "c! c. - w!", id="after the end only the mark counts"),
        pytest.param(LOW, [9, 14, 15], "w! w! w.", id="below, held, cleared"),
        pytest.param(LOW, [3, 7, 8, 9, 3], "c! c! w! w! c!", id="below: falls and rises again"),
        pytest.param(LOW, [float("nan"), 3, float("nan"), 20], "- c! c! c.", id="no number says nothing"),
        pytest.param(LOW, [float("-inf"), float("inf")], "c! c.", id="infinities are numbers"),
    ],
)
def test_levels_with_hysteresis(threshold, numbers, words):
    assert value(threshold, numbers) == words.split()


FOR = level("m", warning=above(80, minutes=2), critical=above(90, minutes=5))
KEEP = level("m", critical=above(90, clear=80), keep=3)


@pytest.mark.parametrize(
    ("threshold", "numbers", "words"),
    [
        pytest.param(FOR, [85, 85, 85, 85], "w? w? w! w!", id="for is waited out"),
        pytest.param(FOR, [85, 85, 70, 85, 85, 85], "w? w? - w? w? w!", id="a good sample begins it again"),
        pytest.param(
            FOR,
            [95, 95, 95, 95, 95, 95],
            "c? c? w! w! w! c!",
            id="each level waits for its own: the milder is first",
        ),
        pytest.param(
            FOR, [95, 95, 95, 85, 95, 95], "c? c? w! w! w! w!", id="an interrupted level begins again"
        ),
        pytest.param(FOR, [95, 85, 85], "c? w? w!", id="a milder breach counts on"),
        pytest.param(KEEP, [95, 70, 70, 70, 70], "c! c~ c~ c~ c.", id="keep is waited out"),
        pytest.param(
            KEEP, [95, 70, 95, 70, 70, 70, 70], "c! c~ c! c~ c~ c~ c.", id="a relapse begins keep again"
        ),
        pytest.param(
            KEEP,
            [95, 70, 85, 85, 85],
            "c! c~ c~ c~ c.",
            id="between the marks is good again, once it was good",
        ),
        pytest.param(
            level("m", warning=above(80, clear=70), critical=above(90, clear=85), keep=3),
            [95, 60, 82, 60],
            "c! c~ w! w~",
            id="what relapses is as bad as it is now",
        ),
    ],
)
def test_time_before_and_after(threshold, numbers, words):
    assert value(threshold, numbers) == words.split()


def test_parts_are_judged_apart_and_the_whole_beside_them():
    sample = Sample(
        check="disk",
        at=START,
        duration=0,
        outcome=Outcome.UP,
        values={"m": 95},
        parts={"/": {"m": 95}, "/srv": {"m": 10}, "/var": {"other": 1}},
    )
    keys = {str(verdict.key): bool(verdict.breached) for verdict in judge(TWO, sample, proven=True)}
    assert keys == {"disk/m": True, "disk/m//": True, "disk/m//srv": False}


@pytest.mark.parametrize(
    ("number", "message"),
    [
        pytest.param(0.95, "m is 95 %, above 90 %", id="critical"),
        pytest.param(0.87, "m is 87 %, above 80 %", id="warning, critical only held"),
        pytest.param(0.75, "m is 75 %, above 70 %", id="held: beyond its clear mark"),
        pytest.param(0.5, "", id="good"),
    ],
)
def test_a_verdict_says_what_is_beyond_which_mark(number, message):
    ratio = level("m", warning=above(0.8, clear=0.7), critical=above(0.9, clear=0.85))
    sample = Sample(check="x", at=START, duration=0, outcome=Outcome.UP, values={"m": number})
    (verdict,) = judge(ratio, sample, proven=True)
    assert verdict.message == message


def test_an_outcome_verdict_carries_the_error_and_that_it_never_worked():
    sample = Sample(
        check="x", at=START, duration=0, outcome=Outcome.DOWN, error=ErrorClass.DNS, message="no such name"
    )
    (verdict,) = judge(down(), sample, proven=False)
    assert (verdict.message, verdict.error_word) == ("never worked yet: no such name", "dns")


def test_waiting_records_nothing():
    alert = None
    seen = []
    for turn in range(5):
        at = START + timedelta(seconds=10 * turn)
        sample = Sample(check="x", at=at, duration=0, outcome=Outcome.UP, values={"m": 85 + turn})
        for verdict in judge(FOR, sample, proven=True):
            alert = step(alert, verdict, FOR)
        seen.append(alert)
    assert all(one is seen[0] for one in seen)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.integers(0, 3), st.integers(0, 3))
def test_whatever_is_measured_an_alert_fires_only_beyond_its_mark_and_ends_only_past_its_clear_mark(
    numbers, hold, keep
):
    threshold = level("m", warning=above(50, clear=40, minutes=hold), critical=above(80, clear=70), keep=keep)
    words = value(threshold, numbers)
    before = "-"
    for number, word in zip(numbers, words, strict=True):
        was, now = before[-1] in "!~", word[-1] in "!~"
        if now and not was:
            assert number > 50
        if was and not now:
            assert number <= 70
        if word.endswith("!") and not before.endswith("!"):
            assert number > 50
        if word == "c!" and before != "c!":
            assert number > 80
        before = word
