"""What stands in a report: what it says about the model, and about the runs."""
