"""How to keep: the database, its column types, its transactions and its migrations."""
