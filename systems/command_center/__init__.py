"""Command-center: a Supabase-like platform in containers, behind one proxy, on one server."""
