"""The networks that filters ask: what they say, how they are loaded and asked as one; their evaluators."""
