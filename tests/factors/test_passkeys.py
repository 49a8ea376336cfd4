"""Passkeys: an answer is good for one challenge, one purpose, one account and this service, once, and nothing else."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from sharelink.accounts.queries import Viewer
from sharelink.accounts.sessions import StartedSession
from sharelink.accounts.stages import SignInProof
from sharelink.actors import Actor
from sharelink.acts import enrolling
from sharelink.acts.passkey_answers import ask_passkey
from sharelink.acts.signing_in import prove_again_with_passkey, sign_in, sign_in_with_passkey
from sharelink.crypto.identifiers import id_text
from sharelink.factors.errors import PasskeyRefused
from sharelink.factors.models import Passkey, PasskeyChallenge
from sharelink.factors.passkeys import RelyingParty, read_answer, relying_party_of
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded_types
from tests.accounts.steps import half_of, viewer_of
from tests.factories import Person, add_passkey, make_person
from tests.fakes import MovableClock
from tests.soft_passkeys import PARTY, SoftPasskey


def asked(unit_of_work: UnitOfWork, visitor: Actor) -> dict[str, Any]:
    return ask_passkey(unit_of_work, visitor, PARTY, None)


def give(unit_of_work: UnitOfWork, visitor: Actor, answer: str) -> StartedSession | None:
    return sign_in_with_passkey(unit_of_work, visitor, PARTY, answer)


def entered(unit_of_work: UnitOfWork, visitor: Actor, person: Person) -> Viewer:
    answer = person.passkey.get(asked(unit_of_work, visitor))
    viewer = viewer_of(unit_of_work, give(unit_of_work, visitor, answer))
    assert viewer is not None
    return viewer


def test_a_passkey_alone_signs_in_all_the_way(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    viewer = entered(unit_of_work, visitor, staff)
    assert (viewer.account_id, viewer.proof) == (staff.account_id, SignInProof.PASSKEY)
    assert viewer.proven_at == unit_of_work.clock()


def test_an_answer_works_once(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    answer = staff.passkey.get(asked(unit_of_work, visitor))
    assert give(unit_of_work, visitor, answer) is not None
    assert give(unit_of_work, visitor, answer) is None


def test_an_answer_that_was_refused_has_used_its_challenge_up(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    options = asked(unit_of_work, visitor)
    forged = SoftPasskey(credential_id=staff.passkey.credential_id, account_id=staff.account_id)
    assert give(unit_of_work, visitor, forged.get(options)) is None
    assert give(unit_of_work, visitor, staff.passkey.get(options)) is None


def test_an_answer_must_come_within_five_minutes(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    late, in_time = (staff.passkey.get(asked(unit_of_work, visitor)) for _ in range(2))
    clock.move(minutes=5, seconds=-1)
    assert give(unit_of_work, visitor, in_time) is not None
    clock.move(seconds=1)
    assert give(unit_of_work, visitor, late) is None


def test_a_challenge_that_we_did_not_make_is_worth_nothing(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    invented = bytes_to_base64url(bytes(32))
    assert give(unit_of_work, visitor, staff.passkey.get({}, challenge=invented)) is None


@pytest.mark.parametrize(
    "party",
    [
        RelyingParty("localhost", "http://localhost:9999", "x"),
        RelyingParty("localhost", "https://localhost", "x"),
        RelyingParty("localhost", "https://localhost.evil.example", "x"),
        RelyingParty("evil.example", "http://localhost", "x"),
    ],
)
def test_an_answer_that_was_given_to_another_site_is_worth_nothing_here(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, party: RelyingParty
) -> None:
    staff.passkey.party = party
    assert give(unit_of_work, visitor, staff.passkey.get(asked(unit_of_work, visitor))) is None


def test_a_passkey_that_did_not_verify_the_person_is_worth_nothing(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    staff.passkey.verifies = False
    assert give(unit_of_work, visitor, staff.passkey.get(asked(unit_of_work, visitor))) is None


def test_the_name_in_an_answer_must_be_its_owners(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    staff.passkey.account_id = ben.account_id
    assert give(unit_of_work, visitor, staff.passkey.get(asked(unit_of_work, visitor))) is None
    staff.passkey.account_id = b""
    assert give(unit_of_work, visitor, staff.passkey.get(asked(unit_of_work, visitor))) is None


def test_a_disabled_person_does_not_come_in(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    make_person(unit_of_work, "Ben Example", "ben@example.com")
    answer = staff.passkey.get(asked(unit_of_work, visitor))
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account(staff.email)
    assert give(unit_of_work, visitor, answer) is None


def test_a_removed_passkey_does_not_come_in(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    viewer = entered(unit_of_work, visitor, staff)
    answer = staff.passkey.get(asked(unit_of_work, visitor))
    with unit_of_work.read() as work:
        passkey_id = work.session.scalars(select(Passkey.id)).one()
    enrolling.remove_passkey(unit_of_work, staff.actor, viewer, passkey_id)
    assert give(unit_of_work, visitor, answer) is None


def test_a_copied_passkey_is_refused_and_seen(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    counting = SoftPasskey(counts=True)
    with unit_of_work.write(staff.actor) as work:
        add_passkey(work, work.accounts.administration.account(staff.account_id), counting)
    for _ in range(3):
        assert give(unit_of_work, visitor, counting.get(asked(unit_of_work, visitor))) is not None
    counting.sign_count = 1
    assert give(unit_of_work, visitor, counting.get(asked(unit_of_work, visitor))) is None
    assert recorded_types(unit_of_work, id_text(staff.account_id))[-1] == "factor.passkey_copied"
    counting.sign_count = 2
    assert give(unit_of_work, visitor, counting.get(asked(unit_of_work, visitor))) is None, "the same count again"
    counting.sign_count = 3
    assert give(unit_of_work, visitor, counting.get(asked(unit_of_work, visitor))) is not None


def test_an_answer_for_one_purpose_is_nothing_for_another(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    viewer = entered(unit_of_work, visitor, staff)
    half = half_of(unit_of_work, sign_in(unit_of_work, visitor, staff.email, staff.password))

    def answers() -> dict[str, str]:
        return {
            "sign in": staff.passkey.get(asked(unit_of_work, visitor)),
            "second step": staff.passkey.get(ask_passkey(unit_of_work, visitor, PARTY, half)),
            "prove": staff.passkey.get(ask_passkey(unit_of_work, visitor, PARTY, viewer)),
            "enrol": staff.passkey.get(enrolling.ask_for_passkey(unit_of_work, staff.actor, PARTY, viewer)),
        }

    takers: dict[str, Callable[[str], object]] = {
        "sign in": lambda answer: give(unit_of_work, visitor, answer),
        "prove": lambda answer: prove_again_with_passkey(unit_of_work, staff.actor, PARTY, viewer, answer),
        "second step": lambda answer: sign_in_with_passkey(unit_of_work, visitor, PARTY, answer, half=half),
    }
    for purpose, take in takers.items():
        for made_for, answer in answers().items():
            if made_for != purpose:
                assert take(answer) is None, (made_for, purpose)


def test_an_answer_is_bound_to_the_session_it_was_asked_in(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    first, second = entered(unit_of_work, visitor, staff), entered(unit_of_work, visitor, staff)
    answer = staff.passkey.get(ask_passkey(unit_of_work, staff.actor, PARTY, first))
    assert prove_again_with_passkey(unit_of_work, staff.actor, PARTY, second, answer) is None


def test_a_passkey_of_somebody_else_is_no_second_step(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    half = half_of(unit_of_work, sign_in(unit_of_work, visitor, staff.email, staff.password))
    answer = ben.passkey.get(ask_passkey(unit_of_work, visitor, PARTY, half))
    assert sign_in_with_passkey(unit_of_work, visitor, PARTY, answer, half=half) is None
    viewer = entered(unit_of_work, visitor, staff)
    answer = ben.passkey.get(ask_passkey(unit_of_work, staff.actor, PARTY, viewer))
    assert prove_again_with_passkey(unit_of_work, staff.actor, PARTY, viewer, answer) is None


def test_a_new_passkey_must_answer_our_challenge_once_here_and_verify_the_person(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    viewer = entered(unit_of_work, visitor, staff)

    def add(passkey: SoftPasskey, options: dict[str, Any] | None = None) -> str:
        asked_for = options or enrolling.ask_for_passkey(unit_of_work, staff.actor, PARTY, viewer)
        answer = passkey.create(asked_for)
        enrolling.add_passkey(unit_of_work, staff.actor, PARTY, viewer, answer=answer, name="")
        return answer

    known = add(SoftPasskey())
    with pytest.raises(PasskeyRefused):
        enrolling.add_passkey(unit_of_work, staff.actor, PARTY, viewer, answer=known, name="")
    for wrong in (
        SoftPasskey(verifies=False),
        SoftPasskey(party=RelyingParty("evil.example", "https://evil.example", "x")),
        SoftPasskey(credential_id=b""),
        SoftPasskey(credential_id=staff.passkey.credential_id),
    ):
        with pytest.raises(PasskeyRefused):
            add(wrong)
    sign_in_options = asked(unit_of_work, visitor) | {"user": {"id": id_text(staff.account_id)}}
    with pytest.raises(PasskeyRefused):
        add(SoftPasskey(), sign_in_options)
    with unit_of_work.read() as work:
        assert work.session.scalar(select(func.count()).select_from(Passkey)) == 2


def test_a_challenge_for_a_new_passkey_is_for_one_account(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    of_staff, of_ben = entered(unit_of_work, visitor, staff), entered(unit_of_work, visitor, ben)
    answer = SoftPasskey().create(enrolling.ask_for_passkey(unit_of_work, staff.actor, PARTY, of_staff))
    with pytest.raises(PasskeyRefused):
        enrolling.add_passkey(unit_of_work, ben.actor, PARTY, of_ben, answer=answer, name="")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "x" * 20_000,
        "[" * 5_000,
        '{"id": 1}',
        json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}),
        json.dumps(
            {
                "id": "AA",
                "rawId": "AA",
                "type": "public-key",
                "response": {"clientDataJSON": "bnVsbA", "authenticatorData": "AA", "signature": "AA"},
            }
        ),
    ],
)
def test_what_is_no_answer_is_a_refusal_and_no_error(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, text: str
) -> None:
    with pytest.raises(PasskeyRefused):
        read_answer(text)
    assert give(unit_of_work, visitor, text) is None
    viewer = entered(unit_of_work, visitor, staff)
    with pytest.raises(PasskeyRefused):
        enrolling.add_passkey(unit_of_work, staff.actor, PARTY, viewer, answer=text, name="")


def test_answers_with_broken_parts_are_refusals_and_no_errors(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    viewer = entered(unit_of_work, visitor, staff)
    for part in ("authenticatorData", "signature"):
        answer = json.loads(staff.passkey.get(asked(unit_of_work, visitor)))
        whole = base64url_to_bytes(answer["response"][part])
        answer["response"][part] = bytes_to_base64url(whole[: len(whole) // 2])
        assert give(unit_of_work, visitor, json.dumps(answer)) is None
    for cut in (1, 30, 60):
        made = json.loads(SoftPasskey().create(enrolling.ask_for_passkey(unit_of_work, staff.actor, PARTY, viewer)))
        whole = base64url_to_bytes(made["response"]["attestationObject"])
        made["response"]["attestationObject"] = bytes_to_base64url(whole[:-cut])
        with pytest.raises(PasskeyRefused):
            enrolling.add_passkey(unit_of_work, staff.actor, PARTY, viewer, answer=json.dumps(made), name="")


def test_old_challenges_do_not_pile_up(unit_of_work: UnitOfWork, visitor: Actor, clock: MovableClock) -> None:
    for _ in range(5):
        asked(unit_of_work, visitor)
    clock.move(minutes=5)
    asked(unit_of_work, visitor)
    with unit_of_work.read() as work:
        left = work.session.scalars(select(PasskeyChallenge.expires_at)).all()
    assert left == [clock.now + timedelta(minutes=5)]


def test_a_stranger_is_told_no_credentials(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    assert asked(unit_of_work, visitor)["allowCredentials"] == []


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://share.example.com", ("share.example.com", "https://share.example.com")),
        ("http://localhost:8000", ("localhost", "http://localhost:8000")),
        ("http://127.0.0.1:8000", None),
        ("http://[::1]:8000", None),
    ],
)
def test_passkeys_know_the_service_by_its_name_and_there_are_none_at_a_number(
    base_url: str, expected: tuple[str, str] | None
) -> None:
    party = relying_party_of(base_url, "Example")
    assert (party and (party.id, party.origin)) == expected
