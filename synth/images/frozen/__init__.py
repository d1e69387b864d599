"""Other people's base models, never trained here: read, controlled (XReal, ControlNet), sampled."""
