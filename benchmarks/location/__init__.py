"""Fits the network that tells where the object is likely to be."""
