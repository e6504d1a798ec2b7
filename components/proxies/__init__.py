"""What stands before the apps, one proxy a file."""
