"""Derived questions about any model: when, how much, how far, at which dose; answered exactly or called impossible."""
