"""The heterogeneous graph: what is in it, how a bank's rows become it, and the stores that hold it."""
