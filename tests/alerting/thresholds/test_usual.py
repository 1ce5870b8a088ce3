"""How many times its usual value something has: nothing is said before enough is known, or where nothing goes on."""

from __future__ import annotations

import pytest

from alerting.thresholds.usual import DAYS_NEEDED, HOUR, TimesUsual, Usual

DAY = 24 * HOUR
BEGIN = 20_000 * DAY + 5 * HOUR
SAME_HOUR = Usual(over=None, floor=20.0, min_volume=2.0)


def _days(values: list[float]) -> dict[int, tuple[float, int]]:
    """Return the hour of BEGIN as it was on former days, yesterday last."""
    return {
        (BEGIN - DAY * (len(values) - number)) // HOUR: (360 * value, 360)
        for number, value in enumerate(values)
    }


def _now(usual: TimesUsual, value: float, *, begin: int = BEGIN) -> float | None:
    said = None
    for second in range(0, 310, 10):
        said = usual.push(float(begin + second), value)
    return said


@pytest.mark.parametrize(
    ("former", "value", "times"),
    [
        pytest.param([10, 10, 10], 30, 3.0, id="three times the usual"),
        pytest.param([10, 10, 10], 10, 1.0, id="as ever"),
        pytest.param([10, 10, 10], 2, 0.2, id="a dip, which no floor hides"),
        pytest.param([10, 10, 90], 30, 3.0, id="one odd day changes nothing"),
        pytest.param([5, 5, 5], 19, 1.0, id="too little to be called a surge"),
        pytest.param([1, 1, 1], 100, None, id="too little is usual to compare with"),
        pytest.param([0, 0, 0], 100, None, id="nothing is usual"),
        pytest.param([10] * (DAYS_NEEDED - 1), 100, None, id="too few days are known"),
        pytest.param([10] * 6 + [10], 50, 5.0, id="a week"),
        pytest.param([90, 10, 10, 10, 10, 10, 10, 10], 50, 5.0, id="what was longer ago does not count"),
    ],
)
def test_the_same_hour_of_former_days_is_what_is_usual(
    former: list[float], value: float, times: float | None
) -> None:
    usual = TimesUsual(SAME_HOUR)
    usual.remember(_days(former))
    said = _now(usual, value)
    assert said == (None if times is None else pytest.approx(times))


def test_it_learns_what_is_usual_by_itself_and_forgets_what_is_older_than_a_week() -> None:
    usual = TimesUsual(SAME_HOUR)
    said = {day: _now(usual, 10, begin=BEGIN + day * DAY) for day in range(30)}
    assert [day for day, times in said.items() if times is None] == list(range(DAYS_NEEDED))
    assert _now(usual, 40, begin=BEGIN + 30 * DAY) == pytest.approx(4)
    assert len(usual._hours) <= 8


def test_the_time_just_before_is_what_is_usual_and_does_not_count_what_is_compared_with_it() -> None:
    usual = TimesUsual(Usual(over=3600.0, min_volume=1.0))
    said = [usual.push(float(BEGIN + second), 10.0) for second in range(0, 3600, 10)]
    assert said[0] is None
    assert said[-1] == pytest.approx(1)
    surge = [usual.push(float(BEGIN + 3600 + second), 40.0) for second in range(0, 300, 10)]
    assert surge[-1] == pytest.approx(4)
    assert surge == sorted(surge, key=lambda times: times or 0)
