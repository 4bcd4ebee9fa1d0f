"""The two kinds of credentials as OpenAPI shows them; orchestrator/api/auth.py has checked them before."""

from fastapi import Depends
from fastapi.security import HTTPBearer

API_KEY, CLIENT_TOKEN = "API key", "Client token"
KEYS = "Made by `breakouts keys create`, or one of API_KEYS."
OPERATOR = [Depends(HTTPBearer(scheme_name=API_KEY, description=KEYS, auto_error=False))]
BROWSER = [Depends(HTTPBearer(scheme_name=CLIENT_TOKEN, description="Good for one person.", auto_error=False))]
