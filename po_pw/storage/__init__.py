"""Where files, folders and manifests lie, and how they get there safely."""
