"""Screenshot and source of a page that was not recognised, with secrets removed, for the user to look at."""
