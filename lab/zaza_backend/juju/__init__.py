"""What zaza uses of python-libjuju 3.6, answered by the lab.

Entities read the lab each time they are asked, so they are never older than a moment; whatever
changes the model goes to the lab's daemon at once. An attribute that the lab has no answer for
is missing, it is never made up.
"""
