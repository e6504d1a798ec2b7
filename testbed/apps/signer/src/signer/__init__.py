"""Signer: a stand-in for a document-signing app that somebody installed long ago."""
