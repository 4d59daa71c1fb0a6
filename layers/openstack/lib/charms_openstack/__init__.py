"""Base classes of charms that install, configure and run packaged services."""
