"""Letters: how they look, and how a mail server gets them."""
