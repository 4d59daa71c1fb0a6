"""The ca companion of the lab: an authority with its certificates, and who asks for them."""
