"""`breakouts doctor`: is everything there that a deployment stands on, and what is to be done about what is not?"""
