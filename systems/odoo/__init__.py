"""Odoo for many tenants: one database each, chosen by the host's name."""
