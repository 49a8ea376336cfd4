"""Documents that name tests and files as proof name what there is, and every requirement that applies has its row."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_NAMED = re.compile(
    r"`((?:tests|sharelink|docs|static|templates|requirements)/[\w./-]+|[A-Z]\w+\.md|Makefile)(?:::(\w+))?`"
)
_ROW = re.compile(r"\| [\d., ]+ \| (?P<levels>[123, ]+) \| (?P<met>\w+) \| (?P<how>[^|]+) \| (?P<proof>[^|]*) \|")
DOCUMENTS = ("docs/asvs.md", "docs/threat-model.md", "docs/scans.md")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_and_test_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    named = _NAMED.findall(text)
    assert named
    for path, test in named:
        assert (ROOT / path).exists(), f"{document} names {path}"
        if test:
            assert f"def {test}(" in (ROOT / path).read_text(), f"{document} names {path}::{test}"


def test_every_requirement_says_whether_it_is_met_and_by_what() -> None:
    rows = [line for line in (ROOT / "docs/asvs.md").read_text().splitlines() if re.match(r"\| \d", line)]
    assert len(rows) > 90
    for row in rows:
        found = _ROW.fullmatch(row)
        assert found is not None, row
        assert found["met"] in {"yes", "part", "no"}, row
        assert found["met"] == "no" or "`" in found["proof"], f"no proof: {row}"
