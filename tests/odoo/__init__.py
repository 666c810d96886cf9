"""A real Odoo 19 with a PostgreSQL of its own, for tests and for the demo.

package    finds Odoo: ODOO_HOME, `odoo` on PATH, or Debian's package unpacked into the user's cache
postgres   a private cluster on a free port
template   a cluster with the addon installed and its assets built, made once and copied per run
server     Odoo's process
"""
