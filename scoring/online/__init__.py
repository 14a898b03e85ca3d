"""Scoring live: what waits, in which order it is scored, by which model, and how that goes. Knows no Kafka."""
