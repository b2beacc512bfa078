"""One file a venue: its dated parameter sets and the plan that it builds."""
