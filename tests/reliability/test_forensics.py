"""After every end of a share nothing of it is left in any file, within five seconds, while others go on writing."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from sharelink.acts.sending import SendRequest, Sent, send
from sharelink.clock import utc_now
from sharelink.crypto.identifiers import new_id
from tests.attacks.canaries import code_spellings, files_below, found_in, spellings
from tests.attacks.faults import outside
from tests.attacks.installations import Installation
from tests.attacks.servers import Server, wait_until
from tests.factories import Person, send_secret
from tests.reliability.figures import Figures
from tests.reliability.journals import Deed, Entry, Journal
from tests.reliability.load import Crowd

GONE_SECONDS = 5.0
PER_END = 3
SHORT = timedelta(seconds=4)
BLOCK_BYTES = 8
SECRET = "canary of the forensics, long enough to be recognised wherever it may lie"


@dataclass
class Scene:
    """A server under load, and the people who end shares on it."""

    installation: Installation
    server: Server
    crowd: Crowd
    staff: Person
    record: bytes
    temporary: Path
    journal: Journal = field(default_factory=Journal)

    def send(self, lifetime: timedelta) -> Sent:
        return send_secret(
            self.installation.unit_of_work, self.staff, SECRET, custody_id=self.record, lifetime=lifetime
        )

    def ask(self, sent: Sent, deed: Deed) -> None:
        entry = Entry(sent.share_id, sent.link, sent.code or "", SECRET, sent.expires_at, is_short=False)
        with self.server.caller() as caller:
            assert self.crowd.do(caller, entry, deed) in {200, 303}

    def reissue(self, sent: Sent) -> None:
        """Send anew, which burns the old one."""
        request = SendRequest(
            secret="another text", form_id=new_id(), lifetime=timedelta(days=1), label="", instruction="",
            code_waiver_reason="told by the test", custody_id=self.record, replaces_id=sent.share_id,
        )  # fmt: skip
        send(self.installation.unit_of_work, self.staff.actor, request)

    def let_expire(self, sent: Sent) -> None:
        """Wait for its time; the worker inside the server sweeps."""
        wait_until(lambda: utc_now() >= sent.expires_at, 30, "time stands still")

    def files(self) -> dict[str, bytes]:
        """Return every file but the keys, and every open file that has no name any more."""
        settings = self.installation.settings
        found = files_below(self.installation.files, self.installation.outputs, self.temporary)
        keys = str(settings.keyring_directory)
        return {name: content for name, content in found.items() if not name.startswith(keys)} | nameless(self.server)


ENDS: dict[str, Callable[[Scene, Sent], None]] = {
    "reveal": lambda scene, sent: scene.ask(sent, Deed.REVEAL),
    "decline": lambda scene, sent: scene.ask(sent, Deed.DECLINE),
    "withdrawal": lambda scene, sent: scene.ask(sent, Deed.WITHDRAW),
    "reissue": Scene.reissue,
    "expiry": Scene.let_expire,
}


@pytest.fixture(params=["busy"])
def load(request: pytest.FixtureRequest) -> str:
    """Return whether others go on sending and revealing. On a quiet server no later write hides what an end left."""
    return str(request.param)


@pytest.fixture
def scene(installation: Installation, staff: Person, record: bytes, tmp_path: Path, load: str) -> Iterator[Scene]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    server = installation.start(1, temporary_directory=temporary)[0]
    crowd = Crowd(installation.unit_of_work, staff, record)
    crowd.sign_in(server.port)
    scene = Scene(installation, server, crowd, staff, record, temporary)
    with crowd.at_work(server.port, scene.journal) if load == "busy" else nullcontext():
        yield scene
    assert (len(scene.journal.entries) > PER_END) is (load == "busy"), "there was no load"


def nameless(server: Server) -> dict[str, bytes]:
    """Return what a process holds in files that were removed (Linux)."""
    found = {}
    for descriptor in Path(f"/proc/{server.process.pid}/fd").glob("*"):
        with suppress(OSError):
            if str(descriptor.readlink()).endswith("(deleted)"):
                found[str(descriptor)] = descriptor.read_bytes()
    return found


def blocks(ciphertext: bytes) -> set[bytes]:
    """Return blocks of which any 16 bytes in a row of the ciphertext hold at least one whole."""
    ends = range(BLOCK_BYTES, len(ciphertext) + 1, BLOCK_BYTES)
    return {ciphertext[end - BLOCK_BYTES : end] for end in ends}


def ciphertext_of(installation: Installation, sent: Sent) -> bytes | None:
    with outside(installation) as connection:
        wanted = text("SELECT outer_ciphertext FROM share WHERE id = :id")
        found = connection.execute(wanted, {"id": sent.share_id}).scalar_one()
    return None if found is None else bytes(found)


def left_of(scene: Scene, remains: set[bytes]) -> list[str]:
    return found_in(scene.files(), {"ciphertext": remains})


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("load", "per_end"), [("quiet", 1), ("busy", PER_END)], indirect=["load"])
def test_no_file_of_sqlite_holds_anything_of_an_ended_share(scene: Scene, per_end: int, figures: Figures) -> None:
    waits: list[float] = []
    remains: set[bytes] = set()
    canaries = {"plaintext": spellings(SECRET)}
    for name, end in list(ENDS.items()) * per_end:
        sent = scene.send(SHORT if name == "expiry" else timedelta(days=1))
        sealed = ciphertext_of(scene.installation, sent)
        assert sealed is not None
        assert left_of(scene, blocks(sealed)), "the search finds nothing where there is something"
        end(scene, sent)
        waits.append(seconds_until_gone(scene, sealed, name))
        remains |= blocks(sealed)
        canaries[f"code {len(waits)}"] = code_spellings(sent.code or "")
        canaries[f"link key {len(waits)}"] = spellings(sent.link.link_key)
    scene.server.stop()
    assert left_of(scene, remains) == []
    assert found_in(scene.files(), canaries) == []
    figures.note("shares searched for in all files", len(waits))
    figures.note("longest until nothing was left", f"{max(waits):.1f} s (at most {GONE_SECONDS:.0f})")


def seconds_until_gone(scene: Scene, ciphertext: bytes, name: str) -> float:
    begun_at = time.monotonic()
    remains = blocks(ciphertext)
    wait_until(lambda: not left_of(scene, remains), GONE_SECONDS, lambda: f"{name}: {left_of(scene, remains)}")
    return time.monotonic() - begun_at


@pytest.mark.parametrize("installation", ["postgresql"], indirect=True)
def test_the_row_of_postgresql_is_empty_as_soon_as_the_end_is_acknowledged(scene: Scene) -> None:
    for name, end in ENDS.items():
        sent = scene.send(SHORT if name == "expiry" else timedelta(days=1))
        assert ciphertext_of(scene.installation, sent) is not None
        end(scene, sent)
        # Nobody acknowledges an expiry; the sweeper comes by every two seconds.
        patience = GONE_SECONDS if name == "expiry" else 0.0
        wait_until(lambda sent=sent: ciphertext_of(scene.installation, sent) is None, patience, name)
