"""Master keys wrapped by AWS KMS: unwrapped once, for this installation, purpose and version, or nothing starts."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sharelink.crypto.key_purposes import KeyName, KeyPurpose
from sharelink.crypto.key_source import KeySource, given_master_keys
from sharelink.crypto.key_wrapping import wrapped_from_text, wrapped_text
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.link_keys import link_key_text
from sharelink.errors import UnsafeStart
from sharelink.kms.aws import AwsKeyWrapping
from tests.attacks.servers import free_port
from tests.cli.programs import sharelink
from tests.kms.kms_server import CREDENTIALS, REGION, KmsServer, kms_server

MASTER = KeyName(KeyPurpose.MASTER, 1)


@pytest.fixture(scope="module")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KmsServer]:
    with kms_server(tmp_path_factory.mktemp("kms")) as server:
        yield server


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def key(kms: KmsServer) -> str:
    return kms.new_key()


def wrapping(kms: KmsServer, key: str, installation: str = "production") -> AwsKeyWrapping:
    return AwsKeyWrapping(key, installation, region=REGION, endpoint_url=kms.url)


def source(directory: Path, by: AwsKeyWrapping) -> KeySource:
    return KeySource(directory, wrapping=by)


def refused(directory: Path, by: AwsKeyWrapping) -> str:
    """Return the one problem of a start that is refused, after seeing that it shows nothing of the key."""
    text = (directory / MASTER.file_name).read_text().strip()
    with pytest.raises(UnsafeStart) as refusal:
        Keyring.load(source(directory, by))
    (problem,) = refusal.value.problems
    assert problem.startswith("master.1.key ")
    assert text not in problem
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in problem
    return problem


class Counting:
    """The real wrapping, and how often it was asked."""

    def __init__(self, real: AwsKeyWrapping) -> None:
        self.real, self.asked = real, 0

    def wrap(self, name: KeyName, key: bytes) -> bytes:
        return self.real.wrap(name, key)

    def unwrap(self, name: KeyName, wrapped: bytes) -> bytes:
        self.asked += 1
        return self.real.unwrap(name, wrapped)


def test_a_new_master_key_is_written_wrapped_only_and_unwrapped_once(tmp_path, kms, key):
    counting = Counting(wrapping(kms, key))
    made = KeySource(tmp_path, wrapping=counting)
    made.create_missing()
    first = Keyring.load(made)
    text = (tmp_path / MASTER.file_name).read_text().strip()
    assert text.startswith("kms:")
    assert first.master(1) not in wrapped_from_text(text)
    assert link_key_text(first.master(1)) not in text
    asked = counting.asked
    assert Keyring.load(made) == first
    assert counting.asked == asked == 1
    assert Keyring.load(source(tmp_path, wrapping(kms, key))) == first
    others = [path.read_text() for path in tmp_path.glob("*.key") if path.name != MASTER.file_name]
    assert not any(text.startswith("kms:") for text in others)


def test_a_blob_of_another_installation_is_refused(tmp_path, kms, key):
    source(tmp_path, wrapping(kms, key)).create_missing()
    assert "another installation" in refused(tmp_path, wrapping(kms, key, "staging"))


def test_a_blob_under_another_version_is_refused(tmp_path, kms, key):
    source(tmp_path, wrapping(kms, key)).create_missing()
    (tmp_path / "master.2.key").write_bytes((tmp_path / "master.1.key").read_bytes())
    with pytest.raises(UnsafeStart, match=r"master\.2\.key .* for another installation, purpose or version"):
        Keyring.load(source(tmp_path, wrapping(kms, key)))


def test_a_tampered_blob_is_refused(tmp_path, kms, key):
    source(tmp_path, wrapping(kms, key)).create_missing()
    path = tmp_path / MASTER.file_name
    blob = wrapped_from_text(path.read_text().strip())
    path.write_text(wrapped_text(blob[:-1] + bytes([blob[-1] ^ 1])))
    assert "was changed" in refused(tmp_path, wrapping(kms, key))
    path.write_text("kms:not base64!")
    assert "not a wrapped key" in refused(tmp_path, wrapping(kms, key))


def test_a_name_that_is_no_key_is_refused(tmp_path, kms, key):
    source(tmp_path, wrapping(kms, key)).create_missing()
    assert "no key of the name" in refused(tmp_path, wrapping(kms, "alias/nobody"))


def test_a_service_that_cannot_be_reached_is_refused_within_seconds(tmp_path, kms, key):
    source(tmp_path, wrapping(kms, key)).create_missing()
    nowhere = AwsKeyWrapping(key, "production", region=REGION, endpoint_url=f"http://127.0.0.1:{free_port()}")
    began_at = time.monotonic()
    assert "AWS KMS cannot be reached (EndpointConnectionError)" in refused(tmp_path, nowhere)
    assert time.monotonic() - began_at < 20


def test_without_the_setting_a_wrapped_key_is_refused_and_the_setting_named(tmp_path, kms, key):
    source(tmp_path, wrapping(kms, key)).create_missing()
    with pytest.raises(UnsafeStart, match="SHARELINK_KMS_KEY_ID"):
        Keyring.load(tmp_path)


def test_a_wrapped_key_can_come_from_the_environment(tmp_path, kms, key):
    source(tmp_path, wrapping(kms, key)).create_missing()
    text = (tmp_path / MASTER.file_name).read_text().strip()
    expected = Keyring.load(source(tmp_path, wrapping(kms, key)))
    (tmp_path / MASTER.file_name).unlink()
    given, problems = given_master_keys(f"1:{text}")
    assert Keyring.load(KeySource(tmp_path, given, problems, wrapping(kms, key))) == expected


def test_an_installation_moves_under_kms_and_to_another_of_its_keys(tmp_path, kms, key):
    keyring = tmp_path / "instance" / "keyring"
    assert sharelink(tmp_path, "keys", "create").returncode == 0
    assert sharelink(tmp_path, "database", "upgrade").returncode == 0
    plain = (keyring / MASTER.file_name).read_text().strip()
    master = Keyring.load(keyring).master(1)
    variables = {name.removeprefix("SHARELINK_"): text for name, text in kms.variables(key).items()}
    variables = {name: text for name, text in variables.items() if not name.startswith("AWS_")}
    found = sharelink(tmp_path, "check", **variables)
    assert "sharelink keys wrap" in found.stdout
    wrapped = sharelink(tmp_path, "keys", "wrap", **variables)
    assert wrapped.returncode == 0, wrapped.stderr
    text = (keyring / MASTER.file_name).read_text().strip()
    assert text.startswith("kms:")
    assert (keyring / MASTER.file_name).stat().st_mode & 0o777 == 0o600
    found = sharelink(tmp_path, "check", **variables)
    assert found.returncode == 0, found.stdout
    other = kms.new_key()
    # Encrypted anew by the key that is set now; until then both must be allowed, as by an alias that moves.
    alias = f"alias/{tmp_path.name.replace('_', '-')}"
    kms.client.create_alias(AliasName=alias, TargetKeyId=key)
    kms.client.update_alias(AliasName=alias, TargetKeyId=other)
    listed = sharelink(tmp_path, "keys", "list", **variables)
    assert "master.1 (current, wrapped)" in listed.stdout
    for said in (wrapped, found, listed):
        assert plain not in said.stdout + said.stderr
    assert Keyring.load(source(keyring, wrapping(kms, key))).master(1) == master
    refusal = sharelink(tmp_path, "keys", "wrap", **(variables | {"KMS_INSTALLATION": "staging"}))
    assert refusal.returncode == 1
    assert "another installation" in refusal.stderr
    assert "Traceback" not in refusal.stderr
    assert (keyring / MASTER.file_name).read_text().strip() == text
