"""Files, YAML, JSON and numbers from outside: whatever comes, it ends in a value or in one of our errors."""
