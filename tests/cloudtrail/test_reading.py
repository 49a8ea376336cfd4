"""What is taken from a file of CloudTrail, and what is not: every shape, every damage, every trick."""

import json
import tracemalloc
from datetime import timedelta

import pytest

from sharelink.cloudtrail import reading
from sharelink.cloudtrail.errors import ExportRejected
from sharelink.cloudtrail.reading import Export, read_export
from sharelink.cloudtrail.states import PROBLEMS_MAX, ExportFormat, SignInResult
from sharelink.errors import InvalidInput
from tests.cloudtrail.files import (
    ACCOUNT,
    AGENT,
    CSV_HEAD,
    MORNING,
    OTHER_ACCOUNT,
    csv_file,
    csv_row,
    event_id,
    lines,
    looked_up,
    of_account,
    other_event,
    packed,
    records,
    sign_in,
)

TWO = [sign_in(2, MORNING + timedelta(hours=1), result="Failure"), other_event(9), sign_in(1)]


def read(content: bytes) -> Export:
    return read_export(content, ACCOUNT)


def told(content: bytes) -> str:
    """Return what is said about a file that is refused as a whole."""
    with pytest.raises(InvalidInput) as refused:
        read(content)
    assert set(refused.value.fields) == {"file"}
    return refused.value.fields["file"]


def problems(content: bytes) -> list[tuple[str, str]]:
    with pytest.raises(ExportRejected) as refused:
        read(content)
    return [(problem.place, problem.text) for problem in refused.value.problems]


@pytest.mark.parametrize(
    "content",
    [
        records(TWO),
        records(TWO, indent=2),
        packed(records(TWO)),
        b"\xef\xbb\xbf" + records(TWO),
        lines(TWO),
        packed(lines(TWO)),
        json.dumps(TWO).encode(),
        looked_up(TWO),
        b"\n\n  " + records(TWO) + b"\n\n",
    ],
    ids=["records", "indented", "packed", "with a mark", "lines", "lines packed", "array", "looked up", "with space"],
)
def test_every_shape_of_json_tells_the_same_root_sign_ins_oldest_first(content: bytes) -> None:
    export = read(content)
    assert (export.format, export.event_count, export.others) == (ExportFormat.JSON, 3, 0)
    first, second = export.sign_ins
    assert (first.event_id, first.at, first.result) == (event_id(1), MORNING, SignInResult.SUCCESS)
    assert (first.source, first.agent, first.region, first.mfa_used) == ("203.0.113.80", AGENT, "us-east-1", True)
    assert (second.event_id, second.result) == (event_id(2), SignInResult.FAILURE)


def test_a_csv_tells_root_sign_ins_and_not_how_they_ended() -> None:
    rows = [csv_row(1), csv_row(2, user="anna"), csv_row(3, error="AccessDenied"), csv_row(4, user="Root")]
    export = read(packed(csv_file(rows)))
    assert (export.format, export.event_count) == (ExportFormat.CSV, 4)
    assert {each.event_id: each.result for each in export.sign_ins} == {
        event_id(1): SignInResult.UNKNOWN,
        event_id(3): SignInResult.FAILURE,
        event_id(4): SignInResult.UNKNOWN,
    }


@pytest.mark.parametrize("content", [records([]), lines([other_event(1)]), csv_file([])])
def test_a_file_without_a_root_sign_in_is_a_good_file(content: bytes) -> None:
    assert read(content).sign_ins == ()


def test_root_sign_ins_of_other_accounts_are_counted_and_not_taken() -> None:
    export = read(records([sign_in(1), of_account(2, OTHER_ACCOUNT)]))
    assert ([each.event_id for each in export.sign_ins], export.others) == ([event_id(1)], 1)


def test_a_file_of_another_account_is_refused() -> None:
    assert "of another AWS account" in told(records([of_account(1, OTHER_ACCOUNT)]))


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"eventName": None}, "eventName"),
        ({"userIdentity": None}, "userIdentity.type"),
        ({"userIdentity": {"type": "Root"}}, "accountId"),
        ({"userIdentity": {"type": "Root", "accountId": "123"}}, "accountId"),
        ({"userIdentity": {"type": "Root", "accountId": ["123456789012"]}}, "accountId"),
        ({"eventTime": "2026-03-01T08:30:00"}, "zone"),
        ({"eventTime": "2026-02-30T08:30:00Z"}, "zone"),
        ({"eventTime": "0001-01-01T00:00:00+14:00"}, "zone"),
        ({"eventTime": "٢026-03-01T08:30:00Z"}, "zone"),
        ({"eventTime": 1772353800}, "zone"),
        ({"eventID": ""}, "event ID"),
        ({"eventID": "a\nb-12345678"}, "event ID"),
        ({"eventID": "x" * 65}, "event ID"),
        ({"responseElements": None}, "whether it worked"),
        ({"responseElements": {"ConsoleLogin": "Perhaps"}}, "whether it worked"),
        ({"responseElements": {"ConsoleLogin": ["Success"]}}, "whether it worked"),
    ],
)
def test_a_bad_row_is_told_with_its_place_and_nothing_is_taken(changed: dict[str, object], word: str) -> None:
    ((place, text),) = problems(lines([sign_in(1), sign_in(2, **changed), sign_in(3)]))
    assert place == "Event 2, line 2"
    assert word in text


def test_bad_rows_of_a_csv_are_told_with_their_lines() -> None:
    rows = [csv_row(1), csv_row(2)[:3], [*csv_row(3)[:1], "March 1, 2026, 08:30", *csv_row(3)[2:]]]
    assert [place for place, _text in problems(csv_file(rows))] == ["Line 3", "Line 4"]


def test_not_more_problems_are_told_than_somebody_reads() -> None:
    assert len(problems(lines(sign_in(number, eventTime="") for number in range(100)))) == PROBLEMS_MAX


def test_the_same_event_twice_is_one_and_two_of_one_id_are_refused() -> None:
    assert len(read(lines([sign_in(1), sign_in(1)])).sign_ins) == 1
    ((place, text),) = problems(lines([sign_in(1), sign_in(1, MORNING + timedelta(seconds=1))]))
    assert (place, "event 1, line 1" in text) == ("Event 2, line 2", True)


@pytest.mark.parametrize("cut", [1, 20, 400, -1, -2])
def test_a_file_that_is_cut_off_is_refused_wherever_that_is(cut: int) -> None:
    content = records([sign_in(1), sign_in(2)])
    assert problems(content[:cut])


def test_a_packed_file_that_is_cut_off_or_damaged_is_refused() -> None:
    content = packed(records([sign_in(1), sign_in(2)]))
    assert "cut off or damaged" in told(content[:-20])
    assert "cut off or damaged" in told(content[:-8] + b"\0\0\0\0" + content[-4:])
    assert "cut off or damaged" in told(content[:30] + b"\xff\xff\xff" + content[33:])


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "Choose the file"),
        (b"PK\x03\x04...", "ZIP"),
        (b"just text", "no export of CloudTrail"),
        (csv_file([], [name for name in CSV_HEAD if name != "Event ID"]), "no export of CloudTrail"),
        (records([sign_in(1)]).decode().encode("utf-16"), "UTF-8"),
        (b'{"Records": [{"eventName": "\xff"}]}', "UTF-8"),
        (b"x" * 1_000_001, "bytes"),
    ],
    ids=["empty", "zip", "text", "columns", "utf-16", "not utf-8", "large"],
)
def test_what_is_no_export_is_refused_with_a_reason(content: bytes, word: str) -> None:
    assert word in told(content)


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "UNPACKED_MAX_BYTES", 100_000)
    assert "Unpacked" in told(packed(b" " * 200_000))
    assert "Unpacked" in told(packed(csv_file([csv_row(number) for number in range(2_000)])))


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"Records": ' + b"[" * 100_000,
        b'{"a": ' * 100_000,
        b'{"Records": [{"eventName": ' + b"[" * 100_000,
        b'{"Records": [1, 2]}',
        b'{"Records": [{}] , "Records": [',
        b'{"Records": []}{"Records": []}',
        b'{"Records": [] "x"}',
        b'[{"eventName": "x"},]',
        lines([sign_in(1)]) + b"and then text",
        looked_up([sign_in(1)]).replace(b'{\\"eventVersion', b'[\\"eventVersion'),
    ],
)
def test_json_of_another_shape_is_refused_and_never_an_error_of_ours(content: bytes) -> None:
    assert problems(content)


def test_huge_numbers_cost_nothing() -> None:
    event = json.dumps(sign_in(1, more=0)).replace('"more": 0', '"more": ' + "9" * 50_000)
    assert len(read(event.encode()).sign_ins) == 1


def test_free_text_is_made_harmless_and_never_makes_an_import_fail() -> None:
    agent = "a\0b\x1b[31m\u202egnp.exe\ud800 <script>alert(1)</script>\r\nSet-Cookie: x" + "y" * 1_000
    (found,) = read(records([sign_in(1, userAgent=agent, sourceIPAddress=["x"], awsRegion="<b>")])).sign_ins
    assert found.agent.startswith("a\ufffdb\ufffd[31m\ufffdgnp.exe\ufffd <script>alert(1)</script>")
    assert (len(found.agent) <= 400, found.agent.isprintable()) == (True, True)
    assert (found.source, found.region) == ("", "")


def test_ten_thousand_sign_ins_are_read_in_little_memory() -> None:
    content = packed(lines(sign_in(number, MORNING + timedelta(seconds=number)) for number in range(10_000)))
    assert len(content) < 1_000_000
    tracemalloc.start()
    try:
        before, _peak = tracemalloc.get_traced_memory()
        export = read(content)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(export.sign_ins) == 10_000
    # Unpacked it has some 9 MB, and several times as much as objects of Python.
    assert peak - before < 16_000_000


def test_more_sign_ins_than_an_account_can_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SIGN_INS_MAX", 10)
    assert "more than 10" in told(lines(sign_in(number) for number in range(11)))
