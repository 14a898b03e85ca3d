"""From a bank's change stream to Changes: decode, order, commit, dead letters."""
