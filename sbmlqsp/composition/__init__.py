"""The checks and decisions of composition; the SBML is written in the engine room."""
