"""What others would write, doing the same work as ours in the same run."""
