"""Addresses of databases, as operators write them and as SQLAlchemy reads them."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError


def checked_database_url(text: str) -> str:
    """Return the address of a database in SQLAlchemy's form.

    Several PostgreSQL servers may stand where one does, `postgresql://user:password@one:5432,two:5432/name`, as libpq
    has it (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS). Of these the one that
    takes writes is wanted, unless the address says otherwise: a connection to a stand-by could only read.

    Raises:
        ValueError: it is no address of a database that can be used; the text repeats nothing of it.
    """
    try:
        url = make_url(_hosts_in_query(text))
    except (ArgumentError, ValueError):
        raise ValueError("is not a database address") from None
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return _of_postgresql(url).render_as_string(hide_password=False)
    if url.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise ValueError("must begin with sqlite:/// or postgresql://")
    if not url.database or url.database.startswith((":", "file:")) or url.query:
        raise ValueError("must name an ordinary SQLite file, without options")
    # Flask-SQLAlchemy would read a relative path from Flask's own instance folder.
    return f"sqlite:///{Path(url.database).expanduser().absolute()}"


def _of_postgresql(url: URL) -> URL:
    hosts = url.query.get("host", ())
    several = hosts if isinstance(hosts, tuple) else tuple(hosts.split(","))
    if len(several) > 1 and "target_session_attrs" not in url.query:
        url = url.update_query_dict({"target_session_attrs": "read-write"})
    return url.set(drivername="postgresql+psycopg")


def _hosts_in_query(text: str) -> str:
    """Return the address with several hosts moved to where SQLAlchemy looks for them; any other as it is."""
    scheme, separator, rest = text.partition("://")
    place, slash, name = rest.partition("/")
    credentials, at, hosts = place.rpartition("@")
    if not separator or "," not in hosts:
        return text
    for host in hosts.split(","):
        address, _colon, port = host.partition(":")
        if not address or (port and not port.isdecimal()):
            raise ValueError("hosts must be names with or without ports")
    named = "&".join(f"host={host}" for host in hosts.split(","))
    return f"{scheme}://{credentials}{at}{slash}{name}{'&' if '?' in name else '?'}{named}"
