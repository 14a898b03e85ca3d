"""Engines that compute a network's logits, each equal to the network itself, and the choice of the fastest."""
