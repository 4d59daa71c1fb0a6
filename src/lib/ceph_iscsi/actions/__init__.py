"""Actions: a function each, called as its action with ``_`` for ``-``, in modules by concern.

A function takes its parameters from ``hookenv.action_get``, checks them before anything else,
and raises a GatewayError whose text the user gets to see. ``src/actions/actions.py`` has the table
of names and modules.
"""
