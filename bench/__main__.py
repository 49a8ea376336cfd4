"""Runs the measures, one after the other, and prints one table."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from types import ModuleType

import click

from bench.figures import Figure, table
from bench.measures import audit, crowd, cycles, live_shares, memory, page_weight, start, sweep
from bench.workshop import QUICK, WHOLE, Workshop, workshop

MEASURES: tuple[ModuleType, ...] = (start, page_weight, cycles, crowd, memory, live_shares, sweep, audit)
_NAMES = {module.__name__.rpartition(".")[2]: module for module in MEASURES}


@click.command()
@click.option(
    "--quick", is_flag=True, help="Tiny numbers: shows whether the bench works, and says nothing about speed."
)
@click.argument("names", nargs=-1, type=click.Choice(sorted(_NAMES)))
def main(quick: bool, names: tuple[str, ...]) -> None:
    """Measure everything, or only what is named."""
    chosen = [module for name, module in _NAMES.items() if not names or name in names]
    click.echo(f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    began = time.monotonic()
    found: list[Figure] = []
    with workshop(QUICK if quick else WHOLE) as made:
        if not made.has_snappass:
            click.echo("SnapPass is not installed here: no comparison. `make bench` installs it.")
        for module in chosen:
            measure: Callable[[Workshop], Iterator[Figure]] = module.measure
            for figure in measure(made):
                found.append(figure)
                click.echo(f"  {figure.name}: {figure.spread.text(figure.digits)} {figure.unit}  {figure.verdict}")
    click.echo(f"\n{table(found)}\n\nThat took {time.monotonic() - began:.0f} s.")
    click.echo("QUICK: these numbers say nothing about speed." if quick else "")


if __name__ == "__main__":
    main()
