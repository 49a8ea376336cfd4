"""Signing in by the acts themselves, without pages."""

from sharelink.accounts.queries import HalfSignedIn, Viewer, find_visitor
from sharelink.accounts.sessions import NEW_BROWSER, BrowserKeys, StartedSession, session_key_hash
from sharelink.actors import Actor
from sharelink.acts.passkey_answers import ask_passkey
from sharelink.acts.signing_in import sign_in, sign_in_with_passkey
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person
from tests.soft_passkeys import PARTY


def visitor_of(unit_of_work: UnitOfWork, started: StartedSession | None) -> Viewer | HalfSignedIn | None:
    """Return who holds a session, however far they have come."""
    assert started is not None
    key_hash = session_key_hash(started.key)
    assert key_hash is not None
    with unit_of_work.read() as work:
        return find_visitor(work.connection, key_hash, work.now, work.session_limits.idle_lifetime)


def viewer_of(unit_of_work: UnitOfWork, started: StartedSession | None) -> Viewer | None:
    """Return who is signed in all the way with a session."""
    found = visitor_of(unit_of_work, started)
    return found if isinstance(found, Viewer) else None


def half_of(unit_of_work: UnitOfWork, started: StartedSession | None) -> HalfSignedIn:
    """Return who waits for the next step with a session."""
    found = visitor_of(unit_of_work, started)
    assert isinstance(found, HalfSignedIn)
    return found


def enter(
    unit_of_work: UnitOfWork,
    actor: Actor,
    person: Person,
    *,
    email: str | None = None,
    password: str | None = None,
    browser: BrowserKeys = NEW_BROWSER,
) -> StartedSession | None:
    """Sign in with password and passkey, which works any number of times at one moment; None if it did not work."""
    started = sign_in(unit_of_work, actor, email or person.email, password or person.password, browser)
    if started is None:
        return None
    half = half_of(unit_of_work, started)
    answer = person.passkey.get(ask_passkey(unit_of_work, actor, PARTY, half))
    return sign_in_with_passkey(unit_of_work, actor, PARTY, answer, browser=browser, half=half)
