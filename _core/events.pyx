"""The kinds of events that an engine applies; their fields stand in the interface file."""
