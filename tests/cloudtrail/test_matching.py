"""Which sign-in falls into which use."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sharelink.cloudtrail.matching import Covered, UseSpan, match, merged
from sharelink.cloudtrail.rows import SignIn
from sharelink.cloudtrail.states import TOLERANCE, SignInResult
from tests.cloudtrail.files import MORNING

MINUTE = timedelta(minutes=1)


def signed_in(minute: float, name: str = "", result: SignInResult = SignInResult.SUCCESS) -> SignIn:
    at = MORNING + minute * MINUTE
    return SignIn(name or f"at {minute}", at, result, True, "", "", "", "", "")


def span(name: bytes, first: float, last: float) -> UseSpan:
    return UseSpan(name, MORNING + first * MINUTE, MORNING + last * MINUTE)


def test_a_sign_in_matches_within_the_tolerance_and_not_a_second_beyond() -> None:
    minutes = [-5.02, -5, 0, 30, 60, 65, 65.02]
    found = match([signed_in(minute) for minute in minutes], [span(b"use", 0, 60)], ())
    assert set(found) == {"at -5", "at 0", "at 30", "at 60", "at 65"}


def test_of_two_uses_at_once_each_gets_one_sign_in() -> None:
    spans = [span(b"anna", 0, 60), span(b"ben", 10, 60)]
    found = match([signed_in(20, "first"), signed_in(30, "second"), signed_in(40, "third")], spans, ())
    assert found == {"first": b"ben", "second": b"anna", "third": b"ben"}


def test_a_use_that_was_seen_before_comes_last() -> None:
    spans = [span(b"anna", 0, 60), span(b"ben", 10, 60)]
    assert match([signed_in(20, "one")], spans, [b"ben"]) == {"one": b"anna"}


def test_a_failed_try_matches_and_does_not_count_as_seen() -> None:
    spans = [span(b"anna", 0, 60), span(b"ben", 10, 60)]
    tries = [signed_in(20, "failed", SignInResult.FAILURE), signed_in(21, "worked")]
    assert match(tries, spans, ()) == {"failed": b"ben", "worked": b"ben"}


@given(
    st.lists(st.integers(-100, 300), max_size=15),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60)), max_size=8),
)
def test_whatever_there_is_a_sign_in_matches_exactly_if_some_use_is_near_enough(
    minutes: list[int], uses: list[tuple[int, int]]
) -> None:
    sign_ins = [signed_in(minute, str(number)) for number, minute in enumerate(sorted(minutes))]
    spans = {bytes([number]): span(bytes([number]), start, start + long) for number, (start, long) in enumerate(uses)}
    found = match(sign_ins, spans.values(), ())
    for each in sign_ins:
        near = {name for name, use in spans.items() if use.start - TOLERANCE <= each.at <= use.end + TOLERANCE}
        assert (each.event_id in found) == bool(near)
        assert not near or found[each.event_id] in near


def test_times_that_touch_become_one_and_a_gap_stays_one() -> None:
    hours = [MORNING + timedelta(hours=number) for number in range(6)]
    found = merged([(hours[4], hours[5]), (hours[1], hours[2]), (hours[0], hours[1]), (hours[0], hours[1])])
    assert found == (Covered(hours[0], hours[2]), Covered(hours[4], hours[5]))
    assert found[0].holds(hours[0], hours[2])
    assert not any(time.holds(hours[1], hours[4]) for time in found)
