"""Finds `templates/` and `static/`: inside the package when installed, beside it in a source tree."""

from pathlib import Path


def asset_directory(name: str) -> Path:
    """Return the absolute path of the asset folder `name`.

    A wheel carries the folders inside the package (pyproject.toml, `force-include`); a checkout has them one level up.

    Raises:
        FileNotFoundError: neither place holds the folder, so the installation is broken.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the folder {name}/ is missing from this installation")
