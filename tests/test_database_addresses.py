"""Addresses of databases: one server or several, in the words of libpq; no problem repeats a password."""

import pytest
from sqlalchemy import create_engine

from sharelink.database_addresses import checked_database_url
from sharelink.persistence.database import engine_options

PASSWORD = "canary-p%40ss"


def arguments(address: str) -> dict[str, str]:
    """Return what the driver is given."""
    url = checked_database_url(address)
    engine = create_engine(url, **engine_options(url))
    return engine.dialect.create_connect_args(engine.url)[1]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_several_servers_stand_where_one_does_and_the_one_that_takes_writes_is_wanted(scheme: str) -> None:
    given = arguments(f"{scheme}://u:{PASSWORD}@one.example:5432,two.example:6432/name?sslmode=verify-full")
    assert given["host"] == "one.example,two.example"
    assert given["port"] == "5432,6432"
    assert given["target_session_attrs"] == "read-write"
    assert (given["user"], given["password"], given["dbname"]) == ("u", "canary-p@ss", "name")
    assert given["sslmode"] == "verify-full"


def test_ports_may_be_left_out(tmp_path) -> None:
    given = arguments("postgresql://u@one,two/name")
    assert given["host"] == "one,two"
    assert given.get("port", ",") == ","


def test_what_the_address_says_itself_is_kept() -> None:
    given = arguments("postgresql://u@one:1,two:2/name?target_session_attrs=primary")
    assert given["target_session_attrs"] == "primary"


def test_sqlalchemys_own_form_for_several_servers_is_understood_too() -> None:
    given = arguments("postgresql://u@/name?host=one:1&host=two:2")
    assert (given["host"], given["port"], given["target_session_attrs"]) == ("one,two", "1,2", "read-write")


def test_one_server_is_asked_for_nothing_special() -> None:
    assert checked_database_url("postgresql://u@one:5432/name") == "postgresql+psycopg://u@one:5432/name"
    assert checked_database_url("postgresql:///name?host=/run/x") == "postgresql+psycopg:///name?host=%2Frun%2Fx"


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://u:{PASSWORD}@one:5432,two:x/name",
        f"postgresql://u:{PASSWORD}@one,,two/name",
        f"postgresql://u:{PASSWORD}@one:1:2,two/name",
        f"postgresql://u:{PASSWORD}@one:port/name",
        f"mysql://u:{PASSWORD}@one,two/name",
        "one,two",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ValueError, match=r"address|begin with") as refused:
        checked_database_url(address)
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None
