"""Whether one set of results is better than another on the same ground truth."""
