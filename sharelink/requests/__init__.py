"""Requests: somebody outside submits a secret, once, that only the custodians of its record can read.

A request is a share of kind `request`, from the asking on: `awaiting`, then `sealed` with the answer in it, and from
there on like every share. What is asked, and the keys it is asked with, is in a table beside it.
"""
