"""The notification sink: receives messages as chat, on-call tools and mail do; keeps when each came and what it said.

Run by `rehearse`, or by hand: python -m rehearsal.sink --file pages.jsonl --secrets secrets.json
"""

from rehearsal.sink.pages import Page, read_pages

__all__ = ["Page", "read_pages"]
