"""What AWS KMS may answer instead of a key: each by its name, nothing half written, nothing shown, and no start."""

import time
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import pytest
from botocore.loaders import Loader

from sharelink.crypto.errors import KeyWrappingFailed
from sharelink.crypto.key_purposes import KeyName, KeyPurpose
from sharelink.crypto.key_source import KeySource
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.link_keys import link_key_text
from sharelink.errors import UnsafeStart
from sharelink.kms import aws
from tests.cli.programs import free_port, sharelink
from tests.kms.kms_server import CREDENTIALS
from tests.kms.refusing_kms import ACCOUNT, CLOSING, KEY_ID, SILENT, STATUSES, RefusingKms, refusing_kms

MASTER = KeyName(KeyPurpose.MASTER, 1)
KEY = bytes(range(32))
REASONS = {
    "AccessDeniedException": "AWS KMS does not let this service use the key",
    "DependencyTimeoutException": "AWS KMS is broken or overloaded for now",
    "DisabledException": "the key in AWS KMS is disabled",
    "ExpiredTokenException": "the credentials of this service have expired",
    "IncorrectKeyException": "another key of AWS KMS than SHARELINK_KMS_KEY_ID names",
    "InvalidCiphertextException": "another installation, purpose or version, or was changed",
    "InvalidClientTokenId": "AWS does not know the credentials",
    "InvalidKeyUsageException": "not one that encrypts",
    "InvalidSignatureException": "the secret part of this service's credentials is wrong, or its clock is",
    "KMSInternalException": "AWS KMS is broken or overloaded for now",
    "KMSInvalidStateException": "in no state to be used",
    "KeyUnavailableException": "not available now",
    "NotFoundException": "no key of the name in SHARELINK_KMS_KEY_ID",
    "ThrottlingException": "answers no more requests for now",
    "UnrecognizedClientException": "AWS does not know the credentials",
    "ValidationException": "AWS KMS refuses",
}
NOT_CAUSED = {"DryRunOperationException", "InvalidGrantTokenException"}
"""Of parameters that Sharelink does not send."""


@pytest.fixture(scope="module")
def server() -> Iterator[RefusingKms]:
    with refusing_kms() as running:
        yield running


@pytest.fixture
def kms(server: RefusingKms, monkeypatch: pytest.MonkeyPatch) -> RefusingKms:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    server.works()
    server.asked.clear()
    return server


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read ends after a moment; the real times are those of the test of a start."""
    monkeypatch.setattr(aws, "READ_SECONDS", 0.2)


def keyring(folder: Path) -> Path:
    return folder / "instance" / "keyring"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def shows_nothing(text: str, *, master: bytes = KEY, wrapped: str = "kms:") -> None:
    canaries = [wrapped, link_key_text(master), master.hex(), CREDENTIALS["AWS_SECRET_ACCESS_KEY"], ACCOUNT, KEY_ID]
    for canary in [*canaries, "Traceback"]:
        assert canary not in text


@pytest.mark.parametrize("name", sorted(STATUSES))
def test_each_refusal_is_told_by_its_name_and_leaves_the_keyring_as_it_was(tmp_path, kms, name):
    source = KeySource(tmp_path / "old", wrapping=kms.wrapping())
    source.create_missing()
    master = source.read(MASTER)
    before = contents(source.directory)
    kms.refuses(name)
    kms.asked.clear()
    reason = rf"{REASONS[name]}.* \({name}\)$"
    with pytest.raises(UnsafeStart) as start:
        Keyring.load(KeySource(source.directory, wrapping=kms.wrapping()))
    (problem,) = start.value.problems
    assert problem.startswith("master.1.key cannot be unwrapped: ")
    tries = 2 if STATUSES[name] == 500 or name == "ThrottlingException" else 1
    assert kms.asked == ["Decrypt"] * tries
    with pytest.raises(KeyWrappingFailed, match=reason) as made:
        KeySource(tmp_path / "new", wrapping=kms.wrapping()).create_missing()
    assert str(made.value).startswith("cannot be wrapped: ")
    with pytest.raises(KeyWrappingFailed, match=reason):
        source.rewrite(MASTER)
    assert contents(source.directory) == before
    assert contents(tmp_path / "new") == {}
    for told in (problem, str(made.value)):
        assert told.endswith(f"({name})")
        assert REASONS[name] in told
        shows_nothing(told, master=master)
    kms.works()
    assert Keyring.load(KeySource(source.directory, wrapping=kms.wrapping()))


def test_every_error_that_the_service_documents_has_its_reason():
    model = Loader().load_service_model("kms", "service-2")
    documented = {error["shape"] for name in ("Encrypt", "Decrypt") for error in model["operations"][name]["errors"]}
    assert documented - NOT_CAUSED <= set(aws._REFUSALS)
    assert set(aws._REFUSALS) <= set(STATUSES)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"<html>sign in to the network</html>", b"[]", b'{"Plaintext": 7, "CiphertextBlob": 7}'],
    ids=["empty", "nothing in it", "a page", "a list", "a number"],
)
def test_what_does_not_speak_as_kms_does_gives_no_key(kms, body):
    kms.answers(body)
    for ask in (kms.wrapping().wrap, kms.wrapping().unwrap):
        with pytest.raises(KeyWrappingFailed, match="what answered does not speak as AWS KMS does") as refusal:
            ask(MASTER, KEY)
        shows_nothing(str(refusal.value))


def test_a_service_that_hangs_up_gives_no_key(kms):
    kms.refuses(CLOSING)
    with pytest.raises(KeyWrappingFailed, match="ended the connection without an answer") as refusal:
        kms.wrapping().wrap(MASTER, KEY)
    shows_nothing(str(refusal.value))
    assert kms.asked == ["Encrypt"] * 2


@pytest.mark.usefixtures("quick")
def test_a_silent_service_leaves_the_keyring_as_it_was(tmp_path, kms):
    source = KeySource(tmp_path, wrapping=kms.wrapping())
    source.create_missing()
    source.read(MASTER)
    before = contents(tmp_path)
    kms.refuses(SILENT)
    with pytest.raises(UnsafeStart, match=r"gave no answer within .* \(ReadTimeoutError\)"):
        Keyring.load(KeySource(tmp_path, wrapping=kms.wrapping()))
    with pytest.raises(KeyWrappingFailed, match=r"gave no answer within .* \(ReadTimeoutError\)"):
        source.rewrite(MASTER)
    assert contents(tmp_path) == before


def test_credentials_that_are_missing_are_told(kms, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(KeyWrappingFailed, match=r"this service has no credentials of AWS \(NoCredentialsError\)"):
        kms.wrapping().wrap(MASTER, KEY)
    assert kms.asked == []


def test_an_operator_reads_why_a_key_was_not_made(tmp_path, kms):
    kms.refuses("AccessDeniedException", "Encrypt")
    made = sharelink(tmp_path, "keys", "create", **kms.settings())
    assert made.returncode == 1
    assert "The new master key cannot be wrapped: AWS KMS does not let this service use the key" in made.stderr
    assert "It was not written" in made.stderr
    assert contents(tmp_path) == {}
    shows_nothing(made.stdout + made.stderr)


def test_an_operator_reads_which_key_was_not_wrapped_and_runs_it_again(tmp_path, kms):
    assert sharelink(tmp_path, "keys", "create").returncode == 0
    plain = (keyring(tmp_path) / MASTER.file_name).read_text()
    (keyring(tmp_path) / "master.2.key").write_text(link_key_text(KEY) + "\n")
    masters = Keyring.load(keyring(tmp_path)).keys[KeyPurpose.MASTER]
    kms.refuses("DisabledException", "Encrypt", after=1)
    halted = sharelink(tmp_path, "keys", "wrap", **kms.settings())
    assert halted.returncode == 1
    assert halted.stdout == "master.1.key is wrapped.\n"
    assert "master.2.key cannot be wrapped: the key in AWS KMS is disabled (DisabledException)." in halted.stderr
    assert "Its file is as it was" in halted.stderr
    assert "nothing was changed" not in halted.stderr
    assert (keyring(tmp_path) / "master.2.key").read_text() == link_key_text(KEY) + "\n"
    kms.works()
    assert sharelink(tmp_path, "keys", "wrap", **kms.settings()).returncode == 0
    assert all(path.read_text().startswith("kms:") for path in keyring(tmp_path).glob("master.*"))
    assert not list(keyring(tmp_path).glob(".*"))
    wrapped = KeySource(keyring(tmp_path), wrapping=kms.wrapping())
    assert Keyring.load(wrapped).keys[KeyPurpose.MASTER] == masters
    shows_nothing(halted.stdout + halted.stderr, wrapped=plain.strip())


@pytest.fixture
def installed(tmp_path: Path, migrated_file: Path, kms: RefusingKms) -> tuple[Path, bytes]:
    """An installation whose master key is wrapped, and that key."""
    assert sharelink(tmp_path, "keys", "create", **kms.settings()).returncode == 0
    copyfile(migrated_file, tmp_path / "instance" / "sharelink.db")
    kms.asked.clear()
    return tmp_path, KeySource(keyring(tmp_path), wrapping=kms.wrapping()).read(MASTER)


def test_a_start_is_refused_with_the_reason_and_a_silent_service_ends_it_in_time(installed, kms):
    folder, master = installed
    before = contents(folder)
    told = []
    for name, reason in {
        "DisabledException": "the key in AWS KMS is disabled",
        SILENT: "AWS KMS gave no answer within 3 seconds, 2 times",
    }.items():
        kms.refuses(name)
        began_at = time.monotonic()
        start = sharelink(folder, "serve", PORT=str(free_port()), BASE_URL="http://localhost", **kms.settings())
        assert time.monotonic() - began_at < 2 * (aws.CONNECT_SECONDS + aws.READ_SECONDS) + 10
        assert start.returncode == 1
        assert "Sharelink does not start, because this would not be safe" in start.stderr
        assert f"master.1.key cannot be unwrapped: {reason}" in start.stderr
        told.append(start.stdout + start.stderr)
    kms.refuses("AccessDeniedException")
    listed = sharelink(folder, "keys", "list", **kms.settings())
    assert listed.returncode == 1
    assert "AWS KMS does not let this service use the key (AccessDeniedException)" in listed.stderr
    assert contents(folder) == before
    for text in [*told, listed.stdout + listed.stderr]:
        shows_nothing(text, master=master)


def test_a_rotation_without_the_right_to_wrap_changes_neither_keyring_nor_database(installed, kms):
    folder, master = installed
    kms.refuses("AccessDeniedException", "Encrypt")
    before = contents(keyring(folder))
    rotated = sharelink(folder, "keys", "rotate", "master", **kms.settings())
    assert rotated.returncode == 1
    assert "The new key cannot be wrapped: AWS KMS does not let this service use the key" in rotated.stderr
    assert contents(keyring(folder)) == before
    assert "master.2" not in sharelink(folder, "check", **kms.settings()).stdout
    shows_nothing(rotated.stdout + rotated.stderr, master=master)
