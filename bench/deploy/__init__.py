"""Deploys under load: what is lost, and how long they take, ours and the peers' side by side."""
