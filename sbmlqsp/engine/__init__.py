"""Adapters: the only importers of third-party engines."""
