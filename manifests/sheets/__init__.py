"""Pictures for people: contact sheets, edit sheets, overlays."""
