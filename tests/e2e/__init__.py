"""The app in Chromium, as a person uses it."""
