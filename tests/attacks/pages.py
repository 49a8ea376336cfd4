"""Pages as a machine reads them: elements, links and forms, and whether a text in them became more than a text."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.attacks.payloads import ELEMENT, MARK, PRODUCT

_ADDRESSES = ("href", "src", "action", "formaction", "xlink:href", "srcdoc", "poster", "data")
_NEVER = {ELEMENT, "iframe", "base", "object", "embed", "style", "math", "animate"}
_PLAIN_NAME = re.compile(r"[a-z][a-z0-9:_-]*", re.IGNORECASE)
_ASSETS = "/static/"


@dataclass
class Field:
    """One field of a form, with what it holds and what it offers."""

    name: str
    kind: str
    value: str = ""
    choices: list[str] = field(default_factory=list)


@dataclass
class Form:
    """A form of a page."""

    action: str
    method: str
    fields: list[Field] = field(default_factory=list)


class ReadPage(HTMLParser):
    """The elements of a page, in their order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self.texts: list[str] = []
        self._select: Field | None = None
        self._open: list[str] = []
        self.feed(text)
        self.close()

    @property
    def links(self) -> set[str]:
        """The addresses of this service to which the page leads."""
        found = {attributes.get("href", "") for tag, attributes in self.elements if tag == "a"}
        return {
            link.partition("#")[0] for link in found if link.startswith("/") and not link.startswith(("//", _ASSETS))
        }

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        self._open.append(tag)
        if tag == "form":
            self.forms.append(Form(attributes.get("action", ""), attributes.get("method", "get").lower()))
        elif self.forms and tag in {"input", "textarea", "select", "button"} and attributes.get("name"):
            made = Field(attributes["name"], attributes.get("type", tag), attributes.get("value", ""))
            self.forms[-1].fields.append(made)
            self._select = made if tag == "select" else self._select
        elif tag == "option" and self._select is not None:
            self._select.choices.append(attributes.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._open and self._open[-1] == "script" and data.strip():
            self.elements.append(("script", {"inline": data}))


def what_came_alive(text: str) -> list[str]:
    """Return what on a page is more than a text although it was typed as one; nothing, if all is well."""
    page = ReadPage(text)
    found = [trouble for tag, attributes in page.elements for trouble in _troubles(tag, attributes)]
    if PRODUCT in text:
        found.append("a template was carried out")
    return found


def _troubles(tag: str, attributes: dict[str, str]) -> list[str]:
    found = [f"{tag} {name}={value}" for name, value in attributes.items() if _is_alive(name, value)]
    if tag in _NEVER:
        found.append(f"element {tag}")
    if tag == "script" and not attributes.get("src", "").startswith(_ASSETS):
        found.append(f"script {attributes}")
    return found


def _is_alive(name: str, value: str) -> bool:
    if name.startswith("on") or name == "style" or not _PLAIN_NAME.fullmatch(name):
        return True
    if name in _ADDRESSES:
        return bool(value) and (not value.startswith(("/", "#", "?")) or value.startswith(("//", "/\\")))
    return name.startswith("hx-") and (ELEMENT in value or MARK in value)
