"""The words everything else speaks: states, tables, bodies, task names, migrations."""
