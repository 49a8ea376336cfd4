"""Reads a program's own variables from an environment: secrets from files, typing errors found, problems told.

Knows nothing of what the variables mean; `sharelink.settings` does.
"""

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource

PREFIX = "SHARELINK_"
FILE_SUFFIX = "_FILE"
_SIMILARITY = 0.88


def with_files(environ: Mapping[str, str], secret_bearing: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Replace `NAME_FILE` by what the file holds, for the names in `secret_bearing`.

    Returns the variables that are not empty, and one line for each problem; no line holds a value.
    """
    values = {name: text for name, text in environ.items() if text}
    problems: list[str] = []
    for name in sorted(secret_bearing):
        file_name = values.pop(name + FILE_SUFFIX, None)
        if file_name is None:
            continue
        if name in values:
            problems.append(f"{name}: is set twice, also by {name}{FILE_SUFFIX}; keep one")
            continue
        try:
            values[name] = Path(file_name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            problems.append(f"{name}{FILE_SUFFIX}: names a file that cannot be read")
            continue
        if not values[name]:
            problems.append(f"{name}{FILE_SUFFIX}: names an empty file")
    return values, problems


def misspelt_names(environ: Mapping[str, str], prefix: str, known: Collection[str]) -> list[str]:
    """Return one line for each variable that is nearly, but not quite, one of `known`.

    A protection must not stay off because of a typing error. Names that resemble nothing are left
    alone: orchestrators add variables of their own with the same prefix.
    """
    problems = []
    for name in sorted(name for name in environ if name.upper().startswith(prefix)):
        if name in known:
            continue
        near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=_SIMILARITY)
        if near:
            problems.append(f"{name}: is not a setting; did you mean {near[0]}?")
    return problems


_MEANINGS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_long": "must not be longer than {max_length} characters",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must be one line of ordinary text",
    "enum": "must be {expected}",
}


def problem_text(name: str, details: ErrorDetails) -> str:
    """Return one line about one problem of the variable `name`, without the value that caused it."""
    context = details.get("ctx", {})
    if details["type"] == "value_error":
        return f"{name}: {context['error']}"
    return f"{name}: {_MEANINGS.get(details['type'], 'cannot be used').format(**context)}"


class MappingSource(EnvSettingsSource):
    """pydantic-settings' own reader, over a mapping instead of the real environment."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): text for name, text in self._environ.items()}
