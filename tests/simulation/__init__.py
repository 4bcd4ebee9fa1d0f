"""A million lifecycles: the whole engine in one thread, by a virtual clock, with one seed that decides everything."""
