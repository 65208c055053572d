"""The PLoT engine, as the service sees it: another service that scores decisions, and that may be away."""
