"""The browser page that shows a running system, and what it is made of; see `page.py`."""
