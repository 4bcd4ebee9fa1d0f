"""`breakouts doctor`: check everything that a deployment needs, and advise on what fails."""
