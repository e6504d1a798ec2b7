"""Dms: a Django backend and a page on one server, their database at a managed service."""
