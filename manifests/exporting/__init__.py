"""From a build to a folder that another tool opens: what every format needs."""
