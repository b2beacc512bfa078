"""What an account feeds into a plan; reached by ``cimport`` alone."""
