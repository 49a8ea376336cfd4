"""What a handover means: the custody record that every share belongs to, from first contact on."""
