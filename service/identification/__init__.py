"""What can be learned about P(outcome | do(treatment)) from a graph: one module per criterion, none raises HTTP."""
