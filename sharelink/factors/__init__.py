"""Second factors: passkeys, codes of authenticator apps, recovery codes."""
