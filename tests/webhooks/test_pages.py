"""Webhooks on their pages: added with a secret that is shown once, tried, watched, removed; and what failed."""

import html
import re

import pytest
from sqlalchemy import select

from sharelink.jobs.deliveries import Post, deliver_once
from sharelink.outbox.models import OutboxEntry, WebhookEndpoint
from sharelink.settings import Settings
from tests.accounts.records import recorded
from tests.browsers import Browser
from tests.factories import open_record
from tests.webhook_receiver import running_receiver


@pytest.fixture
def receiver():
    with running_receiver() as made:
        yield made


@pytest.fixture
def settings(settings):
    return Settings(**settings.model_dump() | {"webhook_allow_private": True})


def add(browser, url, name="Tickets"):
    return browser.submit("/webhooks", {"name": name, "url": url}, form_page="/webhooks")


def added(browser, receiver):
    page = add(browser, receiver.url).text
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", html.unescape(page))
    address = re.search(r'href="(/webhooks/[\w-]+)"', page)
    assert secret is not None
    assert address is not None
    return secret[0], address[1]


def test_a_webhook_is_added_tried_and_removed(staff_client, staff, unit_of_work, settings, receiver):
    secret, address = added(staff_client, receiver)
    assert "Nothing yet." in staff_client.get(address).text
    assert secret not in staff_client.get(address).text + staff_client.get("/webhooks").text
    with unit_of_work.read() as work:
        kept = work.session.scalars(select(WebhookEndpoint.sealed_secret)).one()
    assert secret.removeprefix("whsec_").encode() not in kept
    answer = staff_client.submit(f"{address}/test", {}, form_page=address)
    assert answer.headers["Location"] == f"{address}?done=test"
    deliver_once(unit_of_work, Post.of(settings))
    (request,) = receiver.received
    assert request.content["type"] == "webhook.test"
    assert request.is_signed_with(secret)
    assert "Accepted" in staff_client.get(address).text
    answer = staff_client.submit(f"{address}/remove", {}, form_page=address)
    assert answer.headers["Location"] == "/webhooks?done=removed"
    open_record(unit_of_work, staff)
    deliver_once(unit_of_work, Post.of(settings))
    assert len(receiver.received) == 1
    assert "hears of nothing any more" in staff_client.get(address).text
    assert staff_client.submit(f"{address}/test", {}, form_page="/webhooks").status_code == 404
    assert [event.type for event in recorded(unit_of_work)][-2:] == ["webhook.added", "webhook.removed"]


def test_what_waits_for_a_removed_webhook_is_not_sent(staff_client, unit_of_work, staff, settings, receiver):
    _secret, address = added(staff_client, receiver)
    open_record(unit_of_work, staff)
    staff_client.submit(f"{address}/remove", {}, form_page=address)
    deliver_once(unit_of_work, Post.of(settings))
    assert receiver.received == []


def test_events_of_records_arrive_retried_with_one_id(staff_client, unit_of_work, staff, settings, receiver, clock):
    secret, address = added(staff_client, receiver)
    receiver.statuses = [500, 204]
    open_record(unit_of_work, staff)
    deliver_once(unit_of_work, Post.of(settings))
    assert "The answer was 500" in staff_client.get(address).text
    clock.move(minutes=1)
    deliver_once(unit_of_work, Post.of(settings))
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert first.is_signed_with(secret)
    assert second.is_signed_with(secret)
    assert "2 tries" in staff_client.get(address).text


def test_a_failed_delivery_stands_on_its_page_and_can_be_tried_again(
    staff_client, unit_of_work, staff, settings, receiver
):
    added(staff_client, receiver)
    receiver.statuses = [410, 204]
    open_record(unit_of_work, staff)
    deliver_once(unit_of_work, Post.of(settings))
    page = staff_client.get("/deliveries").text
    assert "Custody record opened" in page
    assert "The answer was 410" in page
    again = re.search(r'action="(/deliveries/[\w-]+/again)"', page)
    assert again is not None
    assert staff_client.submit(again[1], {}, form_page="/deliveries").headers["Location"] == "/deliveries?done=again"
    deliver_once(unit_of_work, Post.of(settings))
    with unit_of_work.read() as work:
        assert work.session.scalars(select(OutboxEntry.state)).all() == ["accepted"]
    assert staff_client.submit(again[1], {}, form_page="/deliveries").status_code == 409
    assert recorded(unit_of_work)[-1].type == "outbox.tried_again"


@pytest.mark.parametrize(
    ("name", "url", "message"),
    [
        ("", "https://tickets.example.com/", "Say what it is for"),
        ("x" * 121, "https://tickets.example.com/", "Say what it is for"),
        ("Tickets", "tickets.example.com", "Write a whole web address"),
        ("Tickets", "https://a:b@tickets.example.com/", "Write a whole web address"),
        ("Tickets", "https://tickets.example.com/" + "x" * 500, "up to 500 characters"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field_and_nothing_is_lost(staff_client, name, url, message):
    answer = add(staff_client, url, name)
    assert (answer.status_code, message in answer.text) == (422, True)
    assert f'value="{html.escape(url)}"' in answer.text


def test_there_are_ten_webhooks_at_most(staff_client):
    for number in range(10):
        assert add(staff_client, f"https://tickets.example.com/{number}").status_code == 200
    answer = add(staff_client, "https://tickets.example.com/11")
    assert (answer.status_code, "Remove one first" in answer.text) == (422, True)


def test_a_private_address_is_refused_where_it_is_not_allowed(make_app, settings, unit_of_work, staff):
    strict = make_app(Settings(**settings.model_dump() | {"webhook_allow_private": False}))
    browser = Browser.of(strict)
    browser.sign_in(staff)
    answer = add(browser, "https://10.0.0.1/hook")
    assert (answer.status_code, "private network" in answer.text) == (422, True)
    assert add(browser, "http://tickets.example.com/hook").status_code == 422
