"""What a study file is made of: its specification, its people and data, its results folder and its lock."""
