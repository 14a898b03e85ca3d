"""Explanations of alerts: made behind the stream, complete, with the known frauds that look most alike."""
