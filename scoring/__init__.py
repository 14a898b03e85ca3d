"""From a subgraph to a calibrated probability with its reasons."""
