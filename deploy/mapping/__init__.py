"""What `ringwatch mapping` looks at: the bank's live database."""
