"""What the app promises, by Django's own test runner: `archive test`."""
