"""Running our processes on one machine: the embedded broker, and the supervisor behind `breakouts up`."""
