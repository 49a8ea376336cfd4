"""What leaves the house: statement bundles and receipts that anyone can check without us."""
