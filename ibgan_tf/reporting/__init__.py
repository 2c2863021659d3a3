"""Reports over many runs, from the JSON in their directories alone: no number is typed by hand."""
