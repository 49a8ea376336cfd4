"""Access to what is in custody: uses that are declared before they happen, approved, checked out and in, reviewed."""
