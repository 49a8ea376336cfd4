"""Sharelink: single-use secret exchange with a custody record and an access audit.

This module holds nothing but its docstring, so that importing a part of the core never loads Flask.
"""
