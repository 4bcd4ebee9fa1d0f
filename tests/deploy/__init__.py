"""The files of a deployment: compose.yaml, Dockerfile, .env.example."""
