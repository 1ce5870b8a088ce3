"""What may be expected of an HTTP answer: headers, body, JSON, size and time, judged by real answers."""

from __future__ import annotations

from typing import Any

import pytest

from config.schema.decode import adapter
from lab.probe_http import ask, failure
from probes.api import Reading
from probes.network.expect import Expect
from probes.network.http import Http
from probes.network.json_path import JsonRule
from probes.sample import ErrorClass


def expectation(**expect: Any) -> Expect:
    """Read expectations as they stand in a configuration."""
    (probe,) = adapter(Http).validate_python(({"url": "http://h/", "expect": expect},))
    assert isinstance(probe, Http)
    return probe.expect


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({"header": {"X-Build": "2026"}}, None),
        ({"header_matches": {"x-build": r"^\d{4}-\d\d$"}}, None),
        ({"header_matches": {"X-Build": "^11"}}, "a header X-Build that does not match '^11'"),
        ({"header_matches": {"X-None": "."}}, "without the header X-None"),
        ({"body_matches": "queue"}, None),
        ({"body_matches": ["queue", "^{"]}, None),
        ({"body_matches": ["queue", "^queue"]}, "nothing matches '^queue'"),
        ({"json": {"$.status": "ok", "$.queue.size": {"below": 10, "above": 5}}}, None),
        ({"json": {"$.queue.size": 7}}, None),
        (
            {"json": {"$.queue.size": {"above": 10}}},
            "$.queue.size in the body of {name} is 7, expected above 10",
        ),
        ({"json": {"$.status": "up"}}, '$.status in the body of {name} is another text, expected "up"'),
        ({"json": {"$.nothing": 1}}, "$.nothing in the body of {name} is not there"),
        ({"json": {"$.nothing": {"present": False}}}, None),
        ({"json": {"$.status": {"matches": "^o"}}}, None),
        ({"min_bytes": "38B", "max_bytes": "38B"}, None),
        ({"min_bytes": "1kB"}, "answers with 38 bytes, fewer than 1 kB"),
        ({"max_bytes": "10B"}, "answers with 38 bytes, more than 10 B"),
        ({"max_seconds": "1m"}, None),
        ({"phases": {"connect": "1m", "tls": "1ms"}}, None),
        ({"phases": {"processing": "0.000001ms"}}, "for processing, longer than"),
    ],
)
def test_an_answer_is_what_is_expected_or_says_what_is_not(
    expect: dict[str, Any], message: str | None
) -> None:
    result, server, _ = ask("/json", expect=expectation(**expect))
    if message is None:
        assert isinstance(result, Reading), result
    else:
        assert failure(result).error is ErrorClass.ASSERTION
        assert message.replace("{name}", f"127.0.0.1:{server.port}") in failure(result).message


def test_a_body_beyond_what_is_read_is_more_than_any_limit() -> None:
    result, _, _ = ask("/endless-body", expect=expectation(max_bytes="1MB"))
    assert failure(result).error is ErrorClass.ASSERTION
    assert "answers with 1048576 bytes or more, more than 1 MB" in failure(result).message


@pytest.mark.parametrize(
    "expect",
    [
        pytest.param({"json": {"$.a": [1]}}, id="a list for a value"),
        pytest.param({"json": {"$.a": {"less": 1}}}, id="no such rule"),
        pytest.param({"max_bytes": 10}, id="a size without a unit"),
        pytest.param({"phases": {"connect": 1}}, id="a time without a unit"),
    ],
)
def test_what_is_no_expectation_is_refused(expect: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expect"):
        expectation(**expect)


@pytest.mark.parametrize("expect", [{"json": {"$": JsonRule()}}, {"min_bytes": 1.0}, {"max_bytes": 0.0}])
def test_a_head_request_can_expect_nothing_of_a_body(expect: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="HEAD brings none"):
        Http(url="http://h/", method="HEAD", expect=Expect(**expect))
