"""Master keys wrapped by AWS KMS (optional extra `kms`)."""
