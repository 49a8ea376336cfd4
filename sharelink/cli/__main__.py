"""`python -m sharelink.cli` is `sharelink`."""

from sharelink.cli import main

main(prog_name="sharelink")
