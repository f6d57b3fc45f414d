"""What makes proposals: the built-in story engine, and whatever else speaks the provider protocol."""
