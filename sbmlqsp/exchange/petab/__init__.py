"""PEtab problems, versions 1 and 2: read, checked, simulated, scored and written."""
