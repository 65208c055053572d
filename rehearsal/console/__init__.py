"""The engine with the pages that need what only the rehearsal knows: rates and their cost, past runs, faults."""
