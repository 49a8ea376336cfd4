"""What happens by the clock: shares expire, keys of past days are destroyed, failed sign-ins are told."""
