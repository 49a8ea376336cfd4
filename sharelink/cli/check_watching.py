"""The part of `sharelink check` about those who watch the log: the second sink and the witnesses."""

from collections.abc import Iterator

import click

from sharelink.jobs.log_sink import probe_sink
from sharelink.settings import Settings
from sharelink.web.wiring import current_unit_of_work
from sharelink.witnesses.configured import Witnesses
from sharelink.witnesses.queries import witness_views


def sink_problems(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with the second sink of the log; a syslog server gets a message that says what it is."""
    address = settings.sink_address
    if address is not None and (code := probe_sink(current_unit_of_work(), address)) is not None:
        yield f"{address.text} cannot be written ({code}); events wait meanwhile, and nothing else does"


def advise_on_watching(settings: Settings) -> None:
    """Tell what is allowed, but not recommended, and what a witness says."""
    for advice in _advice(settings):
        click.echo(f"advice   {advice}")


def _advice(settings: Settings) -> Iterator[str]:
    witnesses = Witnesses.of(settings.witness_entries, settings.audit_quorum)
    with current_unit_of_work().read() as work:
        views = witness_views(work.session, witnesses.all, work.now)
    for view in views:
        if view.has_refused:
            yield f"the witness {view.name} does not recognise this log; look closer with: sharelink audit verify"
        elif view.is_stale:
            yield f"the witness {view.name} has not cosigned the log for 24 hours. {view.problem}".rstrip()
    if witnesses.all and not witnesses.quorum:
        yield "no quorum of witnesses is set, so customers accept a log that none has seen; see SHARELINK_AUDIT_QUORUM"
