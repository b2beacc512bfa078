"""How venues close an account out, one file a venue, in the venue's own units and with its own rounding."""
