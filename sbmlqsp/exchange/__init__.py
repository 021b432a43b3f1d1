"""Models to and from other tools and languages."""
