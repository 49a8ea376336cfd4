"""The house rules that a reader relies on: who may import whom, who commits, who reads the clock."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import sharelink
from sharelink.errors import SharelinkError
from sharelink.web.errors import ANSWERS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "sharelink"

LEAVES = {
    "errors",
    "clock",
    "collection",
    "actors",
    "times",
    "assets",
    "addresses",
    "database_addresses",
    "client_networks",
    "environment",
    "settings",
    "settings_single_sign_on",
    "settings_mail",
    "settings_audit",
    "settings_keys",
    "settings_witnessing",
    "settings_monitoring",
    "logs",
    "repeated_lines",
}
CORE = {
    "tlog",
    "crypto",
    "persistence",
    "audit",
    "keys",
    "shares",
    "requests",
    "accounts",
    "factors",
    "sso",
    "custody",
    "access",
    "cloudtrail",
    "statements",
    "bundles",
    "mail",
    "webhooks",
    "outbox",
    "witnesses",
    "monitors",
    "sinks",
    "metrics",
}

ALLOWED: dict[str, set[str]] = {
    # part: what it may import from sharelink, besides itself
    **{leaf: {"errors"} for leaf in LEAVES},
    "settings": {
        *{"errors", "addresses", "database_addresses", "environment", "settings_monitoring"},
        *{"settings_audit", "settings_keys", "settings_witnessing", "settings_single_sign_on", "settings_mail"},
    },
    "settings_keys": {"errors", "addresses", "environment"},
    "settings_mail": {"errors", "addresses", "environment"},
    "settings_audit": {"errors"},
    # A key that is none must be told with everything else that is wrong with the settings.
    "settings_witnessing": {"errors", "addresses", "environment", "tlog"},
    "settings_single_sign_on": {"errors", "addresses", "environment"},
    "settings_monitoring": {"errors", "addresses", "environment"},
    "environment": {"errors"},
    "logs": {"errors", "settings", "repeated_lines"},
    "crypto": {"errors", "times"},
    "persistence": {"errors", "times"},
    "tlog": {"errors"},
    "audit": LEAVES | {"tlog", "crypto", "persistence"},
    "kms": LEAVES | {"crypto"},
    "keys": LEAVES | {"crypto", "persistence", "audit"},
    "shares": LEAVES | {"crypto", "persistence", "audit", "keys"},
    "requests": LEAVES | {"crypto", "persistence", "audit", "shares"},
    "accounts": LEAVES | {"crypto", "persistence", "audit"},
    "factors": LEAVES | {"crypto", "persistence", "audit", "keys", "accounts"},
    "sso": LEAVES | {"crypto", "persistence", "audit", "accounts"},
    "custody": LEAVES | {"crypto", "persistence", "audit", "shares", "requests", "accounts"},
    "access": LEAVES | {"crypto", "persistence", "audit", "shares", "accounts", "custody"},
    "cloudtrail": LEAVES | {"crypto", "persistence", "audit", "accounts", "custody", "access"},
    "statements": LEAVES
    | {"crypto", "persistence", "audit", "shares", "requests", "accounts", "custody", "access", "cloudtrail"},
    "bundles": LEAVES | {"tlog", "crypto", "persistence", "audit", "shares", "statements", "witnesses"},
    "mail": LEAVES | {"crypto"},
    "webhooks": LEAVES | {"crypto"},
    "outbox": LEAVES
    | {"crypto", "persistence", "audit", "keys", "shares", "requests", "accounts", "custody", "access", "webhooks"},
    "metrics": LEAVES | {"crypto", "persistence", "audit", "shares"},
    "witnesses": LEAVES | {"tlog", "crypto", "persistence", "audit", "webhooks"},
    "monitors": LEAVES | {"tlog", "crypto", "persistence", "audit"},
    "sinks": LEAVES | {"tlog", "crypto", "persistence", "audit"},
    "work": LEAVES | CORE,
    "unit_of_work": LEAVES | CORE | {"work"},
    "acts": LEAVES | CORE | {"work", "unit_of_work"},
    "jobs": LEAVES | CORE | {"work", "unit_of_work", "acts"},
    "web": LEAVES | CORE | {"work", "unit_of_work", "acts", "jobs"},
    "app": LEAVES | CORE | {"unit_of_work", "web"},
    "start": LEAVES | CORE | {"unit_of_work", "acts", "jobs", "web", "app"},
    "cli": LEAVES | CORE | {"work", "unit_of_work", "acts", "jobs", "web", "app", "start"},
}
"""One direction (docs/architecture.md). `shares` does not know `custody`; the core knows neither web nor Flask."""


def modules() -> Iterator[tuple[str, str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] == "__init__" or "versions" in parts:
            continue
        yield parts[0], ".".join(parts), ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            yield node


MODULES = list(modules())


def test_imports_point_one_way() -> None:
    assert {part for part, _name, _tree in MODULES} <= ALLOWED.keys()
    wrong = [
        f"{name} imports {module}"
        for part, name, tree in MODULES
        for module in imported(tree)
        if module.startswith("sharelink.") and module.split(".")[1] not in ALLOWED[part] | {part}
    ]
    assert not wrong


def test_audiences_do_not_know_each_other() -> None:
    for audience, other in (("web.public", "sharelink.web.staff"), ("web.staff", "sharelink.web.public")):
        for _part, name, tree in MODULES:
            assert not name.startswith(audience) or not [m for m in imported(tree) if m.startswith(other)], name


def test_the_core_never_sees_flask() -> None:
    # Flask-SQLAlchemy's handle lives in persistence, and logs need the request's id; nothing else below the web may.
    allowed = {"persistence.database", "logs"}
    for part, name, tree in MODULES:
        if part in CORE | LEAVES | {"work", "unit_of_work", "acts"} and name not in allowed:
            assert not [module for module in imported(tree) if module.startswith("flask")], name


def test_only_the_unit_of_work_commits() -> None:
    for part, name, tree in MODULES:
        if name != "unit_of_work" and part != "persistence":
            assert not [*calls(tree, "commit"), *calls(tree, "rollback")], name


def test_only_the_clock_reads_the_clock() -> None:
    for _part, name, tree in MODULES:
        owners = [
            call.func.value
            for function in ("now", "utcnow", "today")
            for call in calls(tree, function)
            if isinstance(call.func, ast.Attribute)
        ]
        reads = [owner for owner in owners if isinstance(owner, ast.Name) and owner.id in {"datetime", "date"}]
        assert name == "clock" or not reads, name


def test_randomness_comes_from_crypto_alone() -> None:
    for part, name, tree in MODULES:
        roots = {module.split(".")[0] for module in imported(tree)}
        assert "random" not in roots, name
        assert part == "crypto" or "secrets" not in roots, name


def test_views_hold_no_query() -> None:
    for _part, name, tree in MODULES:
        if name.startswith("web."):
            assert not [module for module in imported(tree) if module.split(".")[0] == "sqlalchemy"], name


def test_no_file_is_too_long_to_read_at_once() -> None:
    for folder, pattern in ((PACKAGE, "*.py"), (ROOT / "tests", "*.py"), (ROOT / "templates", "*.html")):
        for path in folder.rglob(pattern):
            assert len(path.read_text("utf-8").splitlines()) <= 400, path.name


def test_importing_the_package_loads_nothing_else() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    assert not list(imported(tree))


def every_error() -> set[type[SharelinkError]]:
    for module in pkgutil.walk_packages(sharelink.__path__, "sharelink."):
        if module.name.rsplit(".", 1)[-1] in {"errors", "request_body", "cross_origin", "password_hashing"}:
            importlib.import_module(module.name)
    found: set[type[SharelinkError]] = set()
    waiting = [SharelinkError]
    while waiting:
        for cls in waiting.pop().__subclasses__():
            found.add(cls)
            waiting.append(cls)
    return {cls for cls in found if cls.__module__.startswith("sharelink")}


def test_every_named_fact_has_an_answer() -> None:
    missing = {cls.__name__ for cls in every_error()} - {cls.__name__ for cls in ANSWERS}
    assert not missing


def test_every_named_fact_has_its_own_code() -> None:
    codes = [cls.code for cls in every_error()]
    assert len(codes) == len(set(codes))
