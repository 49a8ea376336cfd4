"""Every form of every page, filled in with what no person would type: refused or taken, and never an error of ours."""

import json
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.attacks.hostile import Hostile, fill, walk
from tests.attacks.installations import GENEROUS
from tests.attacks.pages import Field, Form, ReadPage, what_came_alive
from tests.attacks.payloads import CLASSES
from tests.attacks.request_moves import LIMITS
from tests.browsers import HTMX, Browser

FORM = "application/x-www-form-urlencoded"
ENDS_THE_WALK = ("/sign-out", "/account/password", "/account/factors", "/account/sessions")
"""What the walker may not do to itself, or the rest would be refused for that alone."""
OWN_ACCOUNT = ("/disable", "/roles", "/end-sessions", "/reset-factors")
_ODD = (
    "", " ", "\t", "0", "-1", "1e9", "NaN", "9" * 40, "2026-02-30T25:61", "0000-00-00", "9999-12-31T23:59", "+0", "٣",
    "true", "null", "[]", "{}", "../..", "\0", "a\0b", "\r\n", "\ufffe", "\U0010ffff", "A" * 300, "é" * 5_000,
    "A" * 70_000, "00" * 32, "A" * 22, "new", "other", "😀" * 100, "(" * 60, "(a+)+$", "@", "a@b", "x@y@z", "http://",
    "//", "javascript:",
)  # fmt: skip
TEXTS = st.one_of(st.sampled_from(_ODD), st.sampled_from(list(CLASSES.values())), st.text(max_size=60))
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def app(make_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    """Return an application for somebody in a hurry."""
    return make_app(settings.model_copy(update=LIMITS | {"rate_limit_status": GENEROUS}))


@pytest.fixture
def unit_of_work(app: Flask) -> Iterator[UnitOfWork]:
    with app.app_context():
        made: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        yield made


def forms_of(hostile: Hostile, browser: Browser) -> list[Form]:
    """Return one form of each kind on the pages of staff, and those that the pages of links post."""
    found: dict[tuple[str, ...], Form] = {}
    for address, answer in walk(browser, ["/", "/people", "/groups", "/webhooks", "/send", "/request"], most_alike=2):
        if answer.mimetype != "text/html":
            continue
        for form in ReadPage(answer.text).forms:
            action = form.action or address
            if form.method == "post" and not action.startswith(ENDS_THE_WALK) and not action.endswith(OWN_ACCOUNT):
                kind = (Hostile.kind_of(action), *sorted({field.name for field in form.fields}))
                found.setdefault(kind, Form(action, "post", form.fields))
    for path, fields in hostile.public_posts:
        found.setdefault((path, *sorted(fields)), Form(path, "post", [Field(*each) for each in _as_fields(fields)]))
    return list(found.values())


def _as_fields(fields: object) -> list[tuple[str, str, str]]:
    assert isinstance(fields, dict)
    return [(name, "hidden" if name == "link" else "text", value) for name, value in fields.items()]


def filled_in(data: st.DataObject, form: Form) -> list[tuple[str, str]]:
    """Return the form's fields, some as they stand, some odd, some missing or twice."""
    posted = []
    for field in form.fields:
        if field.name == "csrf_token":
            posted.append((field.name, field.value))
            continue
        for _ in range(data.draw(st.sampled_from((1, 1, 1, 1, 1, 1, 0, 2)))):
            offered = [field.value, *field.choices]
            posted.append((field.name, data.draw(st.one_of(TEXTS, st.sampled_from(offered)))))
    return posted


def fuzz(app: Flask, unit_of_work: UnitOfWork, examples: int) -> None:
    hostile = fill(unit_of_work, "http://localhost", "a secret of an example")
    browser = Browser.of(app)
    browser.sign_in(hostile.walker)
    forms = forms_of(hostile, browser)
    assert len(forms) > 40
    seen: set[int] = set()

    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def no_form_breaks(data: st.DataObject) -> None:
        form = data.draw(st.sampled_from(forms))
        body = urlencode(filled_in(data, form), errors="surrogatepass")
        headers = HTMX if data.draw(st.booleans()) else {}
        answer = browser.post(form.action, data=body, content_type=FORM, headers=headers, buffered=True)
        seen.add(answer.status_code)
        assert answer.status_code < 500, (form.action, answer.status_code)
        if answer.mimetype == "text/html":
            assert what_came_alive(answer.text) == [], form.action
        elif answer.mimetype == "application/json":
            json.loads(answer.text)
        if answer.headers.get("Location", "").startswith("/sign-in"):
            browser.sign_in(hostile.walker)

    no_form_breaks()
    # Neither refused all for one reason, nor never reached.
    assert {200, 422} <= seen, seen


def test_no_form_breaks_whatever_is_typed_into_it(app: Flask, unit_of_work: UnitOfWork) -> None:
    fuzz(app, unit_of_work, examples=250)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_no_form_breaks_in_10000_tries(app: Flask, unit_of_work: UnitOfWork) -> None:
    fuzz(app, unit_of_work, examples=10_000)
