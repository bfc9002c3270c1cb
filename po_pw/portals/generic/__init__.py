"""Reading pages of any portal: the words, controls and lists people would recognise."""
