"""Pages for people without an account. No cookie is set or needed, and nothing here knows the staff's pages."""
