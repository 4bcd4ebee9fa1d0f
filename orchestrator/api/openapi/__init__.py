"""The description of the API (OpenAPI): what routes declare, and what is the same for every operation."""
