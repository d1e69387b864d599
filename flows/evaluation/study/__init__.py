"""A blinded reader study: real and synthetic films on one page, sealed, answered, and scored."""
