"""How often a drill would not go as expected by chance alone."""
