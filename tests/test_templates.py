"""What every page, fragment and static file must keep to, whatever it shows."""

import gzip
import hashlib
import json
import re
import sys
from base64 import b64encode
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, nodes

from sharelink.assets import asset_directory
from sharelink.web.filters import duration_text, iso_text, utc_text
from sharelink.web.staff.event_words import EVENT_WORDS
from sharelink.web.staff.event_words.system import UNREADABLE

TEMPLATES = asset_directory("templates")
STATIC = asset_directory("static")
PACKAGE = Path(sys.modules["sharelink"].__path__[0])

# Letters are no pages: mailboxes know neither style sheets nor scripts. tests/mail reads them.
NAMES = sorted(
    path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html") if path.parent.name != "mail"
)
IN_FOLDERS = [name for name in NAMES if "/" in name]
PAGES = [name for name in IN_FOLDERS if not name.rpartition("/")[2].startswith("_")]
FRAGMENTS = [name for name in IN_FOLDERS if name.rpartition("/")[2].startswith("_")]
OWN_SCRIPTS = sorted((STATIC / "js").glob("*.js"))

PUBLIC_PAGE_BYTES_MAX = 35_000
"""Goal for the recipient's first visit, compressed, without the page itself."""

ENVIRONMENT = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
ENVIRONMENT.filters |= {"utc": utc_text, "iso": iso_text, "duration": duration_text}


def source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def syntax_tree(name: str) -> nodes.Template:
    return ENVIRONMENT.parse(source(name))


def markup(name: str) -> str:
    """The template's HTML: comments and statements removed, expressions replaced by a stand-in."""
    without_comments = re.sub(r"{#.*?#}", "", source(name), flags=re.DOTALL)
    without_statements = re.sub(r"{%.*?%}", "", without_comments, flags=re.DOTALL)
    return re.sub(r"{{(.*?)}}", _stand_in, without_statements, flags=re.DOTALL)


def _stand_in(expression: re.Match[str]) -> str:
    return "[" + re.sub("[^a-z]", "", expression[1]) + "]"


@dataclass
class Form:
    """A form of a template: its own attributes, and those of the elements inside."""

    attributes: dict[str, str]
    inside: list[dict[str, str]] = field(default_factory=list)

    @property
    def is_post(self) -> bool:
        return self.attributes.get("method") == "post"


class FormFinder(HTMLParser):
    """Collects the forms and the start tags of a piece of markup."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.is_in_form = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        if tag == "form":
            self.forms.append(Form(attributes))
            self.is_in_form = True
        elif self.is_in_form:
            self.forms[-1].inside.append(attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_in_form = False


def found(name: str) -> FormFinder:
    finder = FormFinder()
    finder.feed(markup(name))
    return finder


FORMS = [(name, form) for name in NAMES for form in found(name).forms]
FORM_IDS = [f"{name}:{form.attributes.get('action')}" for name, form in FORMS]


@pytest.mark.parametrize("name", NAMES)
def test_every_template_compiles(name: str) -> None:
    ENVIRONMENT.get_template(name)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_extends_the_base_and_says_its_title(name: str) -> None:
    tree = syntax_tree(name)
    assert [parent.template for parent in tree.find_all(nodes.Extends)] == [nodes.Const("base.html")]
    titles = [block for block in tree.find_all(nodes.Block) if block.name == "title"]
    assert len(titles) == 1
    assert titles[0].body


@pytest.mark.parametrize("name", FRAGMENTS)
def test_a_fragment_extends_nothing_and_is_included_beside_it(name: str) -> None:
    assert not list(syntax_tree(name).find_all(nodes.Extends))
    folder = name.rpartition("/")[0]
    neighbours = [other for other in IN_FOLDERS if other.startswith(f"{folder}/") and other != name]
    assert any(f'{{% include "{name}" %}}' in source(other) for other in neighbours)


@pytest.mark.parametrize("name", NAMES)
def test_no_template_holds_inline_script_or_style_or_unescaped_text(name: str) -> None:
    assert "|safe" not in source(name).replace(" ", "")
    assert "autoescape" not in source(name)
    for tag, attributes in found(name).tags:
        assert tag != "style"
        assert tag != "script" or (name == "base.html" and "src" in attributes)
        for attribute, value in attributes.items():
            assert attribute != "style"
            assert not attribute.startswith(("on", "hx-on", "data-hx-"))
            assert not value.lower().lstrip().startswith(("javascript:", "js:", "data:"))
        # A filter in brackets would be run as code.
        assert "[" not in attributes.get("hx-trigger", "")


@pytest.mark.parametrize("name", NAMES)
def test_a_textarea_begins_with_the_line_end_that_parsers_swallow(name: str) -> None:
    for after in re.findall(r"<textarea[^>]*>(.)", markup(name), flags=re.DOTALL):
        assert after == "\n"


@pytest.mark.parametrize("form", [form for _name, form in FORMS], ids=FORM_IDS)
def test_a_form_goes_to_the_same_address_with_and_without_htmx(form: Form) -> None:
    verb = form.attributes["method"]
    assert verb in {"get", "post"}
    assert form.attributes["action"].startswith(("/", "["))
    for other in ("get", "post", "put", "patch", "delete"):
        if f"hx-{other}" in form.attributes:
            assert other == verb
            assert form.attributes[f"hx-{other}"] == form.attributes["action"]
            assert form.attributes["hx-sync"] in {"this:drop", "this:replace"}
    for element in form.inside:
        if "formaction" in element:
            assert element["hx-post"] == element["formaction"]


@pytest.mark.parametrize(("name", "form"), FORMS, ids=FORM_IDS)
def test_only_posts_of_staff_carry_a_csrf_token(name: str, form: Form) -> None:
    tokens = [element["value"] for element in form.inside if element.get("name") == "csrf_token"]
    # The retrieval link's page sets no cookie either: the key that it posts is the authority, with a fresh proof.
    is_public = name.startswith("public/") or form.attributes["action"].startswith("/retrieve/")
    assert tokens == (["[csrftoken]"] if form.is_post and not is_public else [])


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("public/")])
def test_a_public_page_never_asks_for_a_csrf_token(name: str) -> None:
    assert "csrf" not in source(name)


def test_htmx_keeps_nothing_and_talks_to_this_service_only() -> None:
    content = re.search(r"name=\"htmx-config\"\s+content='([^']+)'", source("base.html"))
    assert content is not None
    config = json.loads(content[1])
    # With history on, htmx writes into history.state, where the link key waits for a reload.
    assert config["history"] is False
    # An inline style sheet would break the content security policy.
    assert config["includeIndicatorCSS"] is False
    assert config["extensions"] == "sharelink-policy"
    # While it settles, htmx copies style attributes from old elements to new ones, which is inline style, too.
    assert config["defaultSettleDelay"] == 0
    assert config.get("mode", "same-origin") == "same-origin"


def test_the_link_key_is_taken_before_any_other_script_is_even_named() -> None:
    scripts = [attributes for tag, attributes in found("base.html").tags if tag == "script"]
    assert scripts[0] == {"src": "[assetjslinkkeyjs]"}
    assert all("defer" in attributes or attributes.get("type") == "module" for attributes in scripts[1:])


def test_every_script_and_style_sheet_is_loaded_by_the_base() -> None:
    loaded = set(re.findall(r'asset\("([^"]+)"\)', source("base.html")))
    files = {path.relative_to(STATIC).as_posix() for suffix in ("js", "css") for path in STATIC.rglob(f"*.{suffix}")}
    assert files == {name for name in loaded if name.endswith((".js", ".css"))}
    assert all((STATIC / name).is_file() for name in loaded)


SINKS = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "new Function",
    "localStorage",
    "sessionStorage",
    "document.cookie",
)


@pytest.mark.parametrize("script", OWN_SCRIPTS, ids=lambda path: path.name)
def test_own_scripts_make_no_code_or_markup_out_of_text(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert [sink for sink in SINKS if sink in text] == []


def test_vendored_files_are_the_ones_that_were_checked() -> None:
    vendor = STATIC / "vendor"
    _heading, *lines = (vendor / "CHECKSUMS").read_text(encoding="utf-8").splitlines()
    checked = {name: (sha384, sha256) for sha384, sha256, name, *_origin in map(str.split, lines)}
    assert set(checked) == {path.name for path in vendor.iterdir()} - {"CHECKSUMS"}
    for name, sums in checked.items():
        content = (vendor / name).read_bytes()
        assert sums == (b64encode(hashlib.sha384(content).digest()).decode(), hashlib.sha256(content).hexdigest())


def sprite_names() -> set[str]:
    return set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text(encoding="utf-8")))


def test_every_icon_of_a_template_is_in_the_sprite() -> None:
    used = {
        text
        for name in NAMES
        for call in re.findall(r"icon\([^()]*\)", source(name))
        for text in re.findall(r'"([a-z0-9-]+)"', call)
    }
    assert used
    assert used <= sprite_names()


def test_every_icon_of_the_timeline_is_in_the_sprite() -> None:
    assert {words.icon for words in (*EVENT_WORDS.values(), UNREADABLE)} <= sprite_names()


def test_no_icon_of_the_sprite_is_unused() -> None:
    texts = [source(name) for name in NAMES]
    texts += [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    quoted = {word for text in texts for word in re.findall(r'"([a-z0-9-]+)"', text)}
    assert sprite_names() <= quoted


def test_the_recipients_first_visit_stays_small() -> None:
    shell = re.sub(r"{% if is_staff %}.*?{% endif %}", "", source("base.html"), flags=re.DOTALL)
    loaded = set(re.findall(r'asset\("([^"]+)"\)', shell)) | {"icons.svg"}
    assert "css/staff.css" not in loaded
    assert sum(len(gzip.compress((STATIC / name).read_bytes())) for name in loaded) <= PUBLIC_PAGE_BYTES_MAX
