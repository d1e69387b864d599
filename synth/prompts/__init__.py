"""What is asked for: sampled like real label tables, read from files or reports, written as text."""
