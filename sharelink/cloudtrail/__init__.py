"""What AWS itself says about root sign-ins: imported from the customer's CloudTrail, held against declared uses."""
