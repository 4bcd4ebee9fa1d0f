"""What a deployment is made of: compose.yaml, Dockerfile, .env.example."""
