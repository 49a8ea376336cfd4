"""Builds the application: no network, no change of the schema, nothing at import."""

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Rule

from sharelink import logs
from sharelink.accounts.policy import AccountPolicy
from sharelink.accounts.sessions import SessionLimits
from sharelink.accounts.states import Role
from sharelink.assets import asset_directory
from sharelink.audit.log import PendingEvent
from sharelink.audit.signing import kept_origin
from sharelink.clock import Clock, utc_now
from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.key_source import KeySource, given_master_keys
from sharelink.keys.live import LiveKeyring
from sharelink.keys.log_keys import LiveLogKeys
from sharelink.outbox.policy import OutboxPolicy
from sharelink.persistence.database import db, engine_options, prepare_engine, watch_pool
from sharelink.persistence.write_queue import HeadQueue, WriteQueue
from sharelink.settings import Settings
from sharelink.settings_single_sign_on import SsoJoin
from sharelink.shares.rows import ShareLimits
from sharelink.sso.provider import CALLBACK_PATH, MappedRole, Requirements, RoleMap, SingleSignOn
from sharelink.unit_of_work import UnitOfWork
from sharelink.web import (
    asset_compression,
    authentication,
    cross_origin,
    errors,
    filters,
    key_following,
    metrics,
    own_host,
    rate_limits,
    request_body,
    security_headers,
    single_process,
)
from sharelink.web.asset_versions import AssetVersions
from sharelink.web.registration import PUBLIC, register_pages
from sharelink.web.wiring import EXTENSION, wire
from sharelink.witnesses.configured import Witnesses

if TYPE_CHECKING:
    from sharelink.metrics.counters import Counters

EPOCH_DIRECTORY = "epochs"


class _Application(Flask):
    """Flask without coroutines: it asks of every view and hook, at every request, whether it is one. None is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return `func`."""
        return func


class _OnlyMatched(Rule):
    """An address that requests are matched with. Pages write addresses as they are, so nothing ever builds one.

    Werkzeug compiles two functions for that per address, at each start: 40 ms, twenty times as much as all the rest.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        return _never_built


def _never_built(_rule: Rule, **_values: object) -> tuple[str, str]:
    raise RuntimeError("addresses are written as they are: docs/adr/0060")


def create_app(
    settings: Settings, *, clock: Clock = utc_now, serving: bool = True, counting: bool | None = None
) -> Flask:
    """Return the whole application.

    Args:
        settings: checked settings.
        clock: what every unit of work reads its moment from.
        serving: False for commands that answer no requests; they take no lock on per-process counters.
        counting: whether figures for monitors are kept, where anybody may read them; None: while serving.

    Raises:
        UnsafeStart: keys are missing, short or equal, or another process counts in memory already.
        FileNotFoundError: templates or static files are missing from the installation.
    """
    static = asset_directory("static")
    app = _Application("sharelink", template_folder=str(asset_directory("templates")), static_folder=str(static))
    app.url_rule_class = _OnlyMatched
    keys = LiveKeyring(key_source(settings))
    app.config.from_mapping(_configuration(settings))
    # Routing itself would redirect `/s//<token>`, and a browser hands the part after the # sign on with a redirect.
    app.url_map.merge_slashes = False
    app.debug = settings.debug
    db.init_app(app)
    with app.app_context():
        engine = db.engine
    prepare_engine(engine)
    counters = _counters(settings) if settings.has_metrics and (serving if counting is None else counting) else None
    if counters is not None:
        watch_pool(engine, counters.connection_taken, counters.connection_given_back)
    unit_of_work = UnitOfWork(
        engine=engine,
        clock=clock,
        keys=keys,
        epoch_keys=EpochKeys(settings.keyring_directory / EPOCH_DIRECTORY),
        share_limits=ShareLimits(
            lifetime_min=timedelta(seconds=settings.lifetime_min_seconds),
            lifetime_max=timedelta(seconds=settings.lifetime_max_seconds),
            secret_max_bytes=settings.secret_max_bytes,
        ),
        session_limits=SessionLimits(
            idle_lifetime=timedelta(seconds=settings.session_idle_seconds),
            absolute_lifetime=timedelta(seconds=settings.session_absolute_seconds),
        ),
        account_policy=AccountPolicy(
            separation_of_duties=settings.separation_of_duties, local_sign_in=settings.local_passwords
        ),
        write_queue=WriteQueue() if settings.embedded_database else None,
        head_queue=HeadQueue(),
        outbox_policy=OutboxPolicy(
            mail=settings.has_mail,
            remind_after=timedelta(hours=settings.remind_unopened_hours) if settings.remind_unopened_hours else None,
        ),
        live_log_keys=LiveLogKeys(_log_origin(settings), keys),
        witnesses=Witnesses.of(settings.witness_entries, settings.audit_quorum),
        on_commit=_told_of_commits(settings, keys, counters),
    )
    app.extensions[EXTENSION] = wire(app, settings, unit_of_work, _single_sign_on(settings), counters, serving=serving)
    _install_web(app, settings, static, keys)
    if serving and settings.counts_in_memory:
        single_process.hold_single_process_lock(app, settings)
    return app


def key_source(settings: Settings) -> KeySource:
    """Return where the keys of an installation come from."""
    given, problems = given_master_keys(settings.master_keys)
    if not settings.has_kms:
        return KeySource(settings.keyring_directory, given, problems)
    # Its library is an optional extra; the settings made sure that it is here.
    aws = import_module("sharelink.kms.aws")
    wrapping = aws.AwsKeyWrapping(
        settings.kms_key_id,
        settings.kms_installation,
        region=settings.kms_region,
        endpoint_url=settings.kms_endpoint_url,
    )
    return KeySource(settings.keyring_directory, given, problems, wrapping)


def _log_origin(settings: Settings) -> str:
    # Commands and nodes with another base URL, or none, must not take the log for another one.
    return settings.audit_origin or kept_origin(settings.keyring_directory) or settings.log_origin


def _counters(settings: Settings) -> "Counters":
    """Return what counts. Its library is loaded here, and only where figures are read: it would cost every start."""
    if settings.metrics_directory is not None:
        # The library's own way to hear of it, at its import.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.metrics_directory)
    made: Counters = import_module("sharelink.metrics.counters").Counters(
        version("sharelink"), settings.metrics_directory
    )
    return made


def _told_of_commits(
    settings: Settings, keys: LiveKeyring, counters: "Counters | None"
) -> Callable[[Sequence[PendingEvent]], None]:
    erase = rate_limits.erasing_with_requests(keys, settings)
    if counters is None:
        return erase

    def tell(events: Sequence[PendingEvent]) -> None:
        counters.committed(events)
        erase(events)

    return tell


def _single_sign_on(settings: Settings) -> SingleSignOn | None:
    if not settings.has_single_sign_on:
        return None
    # Its libraries are an optional extra; the settings made sure that they are here.
    openid = import_module("sharelink.sso.openid")
    rules = (
        MappedRole(rule.value, frozenset(Role(name) for name in rule.roles), rule.groups)
        for rule in settings.sso_role_rules
    )
    return SingleSignOn(
        provider=openid.OpenIdProvider(
            issuer=settings.sso_issuer,
            client_id=settings.sso_client_id,
            client_secret=settings.sso_client_secret,
            scopes=settings.sso_scopes,
            roles_claim=settings.sso_roles_claim,
            redirect_uri=f"{settings.base_url}{CALLBACK_PATH}",
        ),
        issuer=settings.sso_issuer,
        requirements=Requirements(
            frozenset(settings.sso_required_amr.split()), frozenset(settings.sso_required_acr.split())
        ),
        role_map=RoleMap(tuple(rules)),
        joins_just_in_time=settings.sso_join is SsoJoin.JUST_IN_TIME,
    )


def _install_web(app: Flask, settings: Settings, static: Path, keys: LiveKeyring) -> None:
    if settings.trusted_proxy_hops:
        hops = settings.trusted_proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]  # the documented way
    logs.install(app, trusts_proxy=settings.trusted_proxy_hops > 0)
    metrics.install(app)
    versions = AssetVersions(static)
    security_headers.install(app, versions, https=settings.https)
    # From here on in the order in which a request meets them: what is cheap and needs no trust comes first.
    own_host.install(app, settings.base_url)
    cross_origin.install(app, settings.base_url)
    request_body.install(app, settings.request_max_bytes)
    key_following.install(app, keys)
    rate_limits.install(app, settings)
    csrf = CSRFProtect(app)
    for blueprint in PUBLIC:
        csrf.exempt(blueprint)
    errors.install(app)
    filters.install(app)
    asset_compression.install(app)
    authentication.install(app)
    _install_page_context(app, settings, versions)
    register_pages(app)


def _configuration(settings: Settings) -> dict[str, Any]:
    prefix = "__Host-" if settings.https else ""
    return {
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database_url),
        "MAX_CONTENT_LENGTH": settings.request_max_bytes,
        "MAX_FORM_MEMORY_SIZE": settings.request_max_bytes,
        # Flask's own session carries nothing but the staff forms' token.
        "SESSION_COOKIE_NAME": f"{prefix}sharelink_form",
        "SESSION_COOKIE_SECURE": settings.https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,
        # Its Referer check would refuse browsers that send none; cross_origin.py checks Sec-Fetch-Site and Origin.
        "WTF_CSRF_SSL_STRICT": False,
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(days=365),
    }


def _install_page_context(app: Flask, settings: Settings, versions: AssetVersions) -> None:
    organisation = {
        "name": settings.organisation_name,
        "support_contact": settings.support_contact,
        "privacy_url": settings.privacy_url,
    }

    def asset(name: str) -> str:
        return f"{app.static_url_path}/{name}?v={versions.of(name)}"

    app.jinja_env.globals.update(organisation=organisation, asset=asset)
