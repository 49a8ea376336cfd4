"""What commands share: settings, an application around a command, and errors told kindly."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import click
from flask import Flask, has_app_context
from sqlalchemy.exc import SQLAlchemyError

from sharelink.app import create_app
from sharelink.collection import collection_paused
from sharelink.crypto.errors import KeyWrappingFailed
from sharelink.errors import SharelinkError, UnsafeStart
from sharelink.settings import Settings
from sharelink.start import harden_process


def load_settings() -> Settings:
    """Return the settings of this environment, or end the command with every problem found."""
    with told_kindly():
        return Settings.from_environment(os.environ)


@contextmanager
def told_kindly() -> Iterator[None]:
    """Turn refusals into a text for the person at the terminal; no traceback, no value."""
    try:
        yield
    except UnsafeStart as error:
        problems = "\n".join(f"  - {problem}" for problem in error.problems)
        raise click.ClickException(f"Sharelink does not start, because this would not be safe:\n{problems}") from None
    except KeyWrappingFailed as error:
        raise click.ClickException(f"The new master key {error}. It was not written.") from None
    except SharelinkError as error:
        raise click.ClickException(f"This did not work, nothing was changed: {error}.") from None
    except SQLAlchemyError as error:
        raise click.ClickException(
            f"The database cannot be used ({type(error).__name__}). Look at it with: sharelink check"
        ) from None


@contextmanager
def command_application(settings: Settings, *, counting: bool = False) -> Iterator[Flask]:
    """Yield an application, inside its context, for a command that answers no requests.

    Args:
        settings: its settings.
        counting: whether the command goes on for so long that a monitor may ask for its figures.
    """
    with told_kindly():
        harden_process(settings)
        with collection_paused():
            app = create_app(settings, serving=False, counting=counting)
        with app.app_context():
            yield app


def in_application(command: click.Command) -> None:
    """Let `command` (and a group's commands) run inside an application made from the environment.

    An application that is there already is used as it is.
    """
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            in_application(inner)
    elif command.callback is not None:
        command.callback = _inside(command.callback)


def _inside(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def run(*args: Any, **kwargs: Any) -> Any:
        if has_app_context():
            with told_kindly():
                return callback(*args, **kwargs)
        with command_application(load_settings()):
            return callback(*args, **kwargs)

    return run
