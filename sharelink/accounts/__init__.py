"""People: accounts, roles, custodian groups, set-up, sign-in and sessions."""
