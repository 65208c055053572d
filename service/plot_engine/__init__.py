"""A stand-in for the PLoT engine, small and real: it scores decisions from normal forecasts, over HTTP.

A process of its own, `python -m service.plot_engine`. The service and this package know each other by URL alone.
"""
