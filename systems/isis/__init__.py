"""Isis: a Django backend in rootless containers, for a page that lives elsewhere."""
