"""A stand-in for Odoo: a small app that keeps the part of Odoo's contract that operating it needs.

It is not Odoo and has none of its business. What it takes over is the configuration file, the
command line, one database per tenant chosen by the host's name, the filestore, and the two ports.
"""
