"""Documents behind a login: a Django app with a page, an API and an admin."""
