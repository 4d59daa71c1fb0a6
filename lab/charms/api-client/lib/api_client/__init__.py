"""The api-client companion of the lab: what it knows of the gateways, and asking them."""
