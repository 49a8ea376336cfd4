"""Strangers never take the turn of the one writer: however many they are, nobody has to wait behind them."""

import pytest

from sharelink.crypto.link_keys import link_key_text, new_link_key
from sharelink.unit_of_work import UnitOfWork
from tests.asked_database import BEGIN_TO_WRITE, statements
from tests.attacks.open_links import POST_PATHS, LiveLinks, live_links
from tests.browsers import Browser
from tests.factories import Person

BASE = "http://localhost"
TYPED = {"code": "ABCD-EFGH", "note": "no", "field-0": "an answer", "message": "wrong", "entries": "1"}
DECISION = {"verdict": "approved", "digest": "00" * 32, "purpose": "take_into_custody", "ticket": "T-1"}


@pytest.fixture
def links(unit_of_work: UnitOfWork, staff: Person) -> LiveLinks:
    return live_links(unit_of_work, staff, BASE)


def strangers_links(links: LiveLinks, folder: str) -> list[str]:
    """Return links with the live token and another key, with another token, and with neither."""
    live, key = links.urls[folder].split("#")
    other = "".join(link_key_text(new_link_key()) for _ in range(len(key) // 43))
    return [f"{live}#{other}", f"{live[:-1]}#{key}", f"{BASE}{folder}x.y.z#{key}", "nonsense#x", ""]


def test_no_post_of_a_stranger_begins_to_write(client: Browser, unit_of_work: UnitOfWork, links: LiveLinks) -> None:
    for folder, names in POST_PATHS.items():
        for name in names:
            for link in strangers_links(links, folder):
                form = TYPED | DECISION | {"link": link, "receipt": link.rpartition("/")[2]}
                with statements(unit_of_work.engine) as asked:
                    answer = client.post(folder + name, data=form)
                assert answer.status_code in {403, 404, 422}, (folder, name, link)
                assert BEGIN_TO_WRITE not in asked, (folder, name, link)
    # Whoever holds the whole link does write, and it would be seen.
    with statements(unit_of_work.engine) as asked:
        client.post("/s/status", data={"link": links.urls["/s/"]})
    assert BEGIN_TO_WRITE in asked
