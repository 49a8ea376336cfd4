"""One file per measure. Each offers `measure(workshop)`, which yields figures; `bench.__main__` has the list."""
