"""AWS KMS as moto plays it, in a process of its own on this machine; what talks to it is the real boto3 over HTTP.

It keeps keys, aliases and contexts. It enforces neither rights nor the state of a key: `refusing_kms` answers these.
"""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.attacks.servers import free_port

REGION = "eu-central-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing-id",
    "AWS_SECRET_ACCESS_KEY": "testing-canary-secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}
START_SECONDS = 60


@dataclass(frozen=True)
class KmsServer:
    """A running server."""

    url: str

    @property
    def client(self) -> Any:
        """Return a client with all rights."""
        return boto3.client(
            "kms",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="root",
            aws_secret_access_key="root",
        )

    def new_key(self) -> str:
        """Return the ARN of a new symmetric key."""
        return str(self.client.create_key()["KeyMetadata"]["Arn"])

    def variables(self, key: str, installation: str = "production") -> dict[str, str]:
        """Return the environment of a service whose master keys are wrapped by `key`."""
        return CREDENTIALS | {
            "SHARELINK_KMS_KEY_ID": key,
            "SHARELINK_KMS_INSTALLATION": installation,
            "SHARELINK_KMS_REGION": REGION,
            "SHARELINK_KMS_ENDPOINT_URL": self.url,
        }


@contextmanager
def kms_server(folder: Path) -> Iterator[KmsServer]:
    """Run a server during the block."""
    port = free_port()
    with (folder / "kms.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )
    server = KmsServer(f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{server.url}/moto-api/data.json", timeout=5).close()  # noqa: S310 - the same
                break
            except OSError:
                assert process.poll() is None, (folder / "kms.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield server
    finally:
        process.kill()
        process.wait()
