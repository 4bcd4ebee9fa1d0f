"""Kill one process at one chosen point of a lifecycle, start it again, and look whether everything still came right."""
