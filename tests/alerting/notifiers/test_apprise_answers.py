"""What Apprise's log tells, judged. The lines are as Apprise 2.2 and the libraries below it write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.notification import Reason
from alerting.notifiers.api import DeliveryError
from alerting.notifiers.apprise_answer import Answer

URL = "twilio://AC0canarysid:canarytoken@15551234567/15557654321"


def judged(*lines: str, sent: bool = True, done: str = "failure") -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        Answer(done=done, lines=tuple(("WARNING", line) for line in lines)).judge(url=URL, sent=sent)
    return caught.value


@pytest.mark.parametrize(
    ("line", "reason", "retry", "ambiguous"),
    [
        pytest.param(
            "Failed to send Twilio: error=21211.", Reason.REFUSED, False, False, id="twilio bad number"
        ),
        pytest.param("Failed to send Twilio: error=20003.", Reason.AUTH, False, False, id="twilio login"),
        pytest.param("Failed to send Twilio: error=20429.", Reason.RATE_LIMIT, True, False, id="twilio rate"),
        pytest.param("Failed to send Twilio: error=30001.", Reason.SERVER, True, False, id="twilio queue"),
        pytest.param("Failed to send X: Unauthorized, error=401.", Reason.AUTH, False, False, id="401"),
        pytest.param("Failed to send X: error=409.", Reason.REFUSED, True, False, id="409"),
        pytest.param(
            "Socket Exception: HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: / (Caused by "
            "NameResolutionError(\"Failed to resolve 'x' ([Errno -2] Name or service not known)\"))",
            Reason.CONNECT,
            True,
            True,
            id="name",
        ),
        pytest.param(
            "Socket Exception: (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]')))",
            Reason.TLS,
            True,
            True,
            id="certificate",
        ),
        pytest.param(
            "Socket Exception: Read timed out. (read timeout=4.0)", Reason.TIMEOUT, True, True, id="read"
        ),
        pytest.param(
            "Socket Exception: ('Connection aborted.', RemoteDisconnected('Remote end closed'))",
            Reason.CONNECT,
            True,
            True,
            id="closed",
        ),
        pytest.param(
            "Socket Exception: Connection unexpectedly closed", Reason.CONNECT, True, True, id="mail closed"
        ),
        pytest.param("Socket Exception: timed out", Reason.TIMEOUT, True, True, id="mail timeout"),
        pytest.param(
            "Socket Exception: {'li@x': (550, b'5.1.1 nobody')}", Reason.REFUSED, False, False, id="recipient"
        ),
        pytest.param("Socket Exception: (535, b'5.7.8 wrong')", Reason.AUTH, False, False, id="mail login"),
        pytest.param("Failed for a reason of its own", Reason.SERVER, True, True, id="anything else"),
    ],
)
def test_each_line_has_its_class(line: str, reason: Reason, retry: bool, ambiguous: bool) -> None:
    error = judged(line)
    assert (error.reason, error.retry, error.ambiguous) == (reason, retry, ambiguous)


def test_a_failure_without_an_answer_before_anything_left_is_not_ambiguous() -> None:
    assert not judged("Socket Exception: Read timed out.", sent=False).ambiguous


def test_what_apprise_takes_for_invalid_is_permanent_and_its_words_are_left_out() -> None:
    error = judged(
        "An invalid Twilio Authentication Token (canarytoken!) was specified", done="config", sent=False
    )
    assert (error.reason, error.retry, error.ambiguous) == (Reason.CONFIG, False, False)
    assert error.message == "cannot send by twilio: Apprise takes the URL or the address for invalid"


def test_a_crash_is_ours_and_its_fate_open_once_sent() -> None:
    error = judged("SystemExit", done="crash")
    assert (error.reason, error.retry, error.ambiguous) == (Reason.INTERNAL, True, True)


def test_the_answers_body_is_told_without_secrets() -> None:
    error = judged("Failed: error=400.", "Response Details:\r\nb'bad token canarytoken of AC0canarysid'")
    assert error.message == "cannot send by twilio: 400 bad token *** of ***"


@given(
    st.dictionaries(st.text(), st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=8))
)
def test_whatever_a_process_says_is_judged_in_one_short_line(told: dict[str, object]) -> None:
    told.pop("done", None)
    with pytest.raises(DeliveryError) as caught:
        Answer.read(told).judge(url=URL, sent=True)
    assert len(caught.value.message.splitlines()) == 1
    assert len(caught.value.message) < 300
