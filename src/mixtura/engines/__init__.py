"""Where rows live: each engine folds, maps and samples."""
