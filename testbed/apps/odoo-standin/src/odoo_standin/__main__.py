"""`python -m odoo_standin` is the command `odoo`."""

from odoo_standin.cli import main

if __name__ == "__main__":
    main()
