"""The synchronous decision API: what to do with a transfer that is not committed yet, within a deadline."""
