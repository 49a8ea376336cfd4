"""Bundles and receipts as answers: a file that the browser saves, and what is rendered into one."""

from flask import Response, make_response, render_template

from sharelink.bundles.packing import Download
from sharelink.statements.statement import Statement


def download(found: Download) -> Response:
    """Answer with a file; its name is ours and holds plain characters only."""
    response = make_response(found.content)
    response.mimetype = "application/zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
    return response


def statement_sheet(statement: Statement) -> str:
    """Return the sheet of a statement as markup, the same that pages show."""
    return render_template("_statement.html", statement=statement)
