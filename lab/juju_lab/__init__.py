"""A test double for a Juju controller: runs built charms on local hosts by Juju's rules."""

AGENT_VERSION = "3.6.8"
"""The Juju release whose behaviour, texts and documents the lab follows."""

CONTROLLER_NAME = "lab"
CLOUD_NAME = "lab"
REGION_NAME = "local"
USER_NAME = "admin"
DEFAULT_MODEL = "default"
