"""Crm: an app, its worker, PostgreSQL and Redis beside other people's things on one server."""
