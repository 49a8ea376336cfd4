"""Webhooks after Standard Webhooks 1.0.0: signed, thin, and never to a private address by accident."""
