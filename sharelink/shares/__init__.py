"""What a one-time link is: its states, its table, and the acts on it. Knows no custody and no web."""
