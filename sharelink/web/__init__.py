"""The web: turns requests into calls of services and their answers into pages. No query and no rule lives here."""
