"""The HTTP resources of the service, one module each."""
