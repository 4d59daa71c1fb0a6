"""What python-libjuju raises for an entity that has gone."""


class DeadEntityException(Exception):
    """The entity is no longer in the model."""
