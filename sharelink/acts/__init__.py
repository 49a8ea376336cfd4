"""Acts that take more than one transaction, or heavy work outside of any: sending, and what a recipient does.

Views and the command line call these; they compose what the services of one unit of work offer.
"""
