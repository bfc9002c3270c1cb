"""What runs inside the applications' own Pythons: each module sets one application up and serves it.

`python -m tests.real_apps.sites.NAME FOLDER` reads `FOLDER/spec.json`, prints one line of JSON once it answers (`port`,
and `paths`, each record's path by number), and ends when its standard input does.
"""
