"""Signed tokens: RS256 with one key per process, published as the service publishes its own."""

import base64
import secrets
from datetime import datetime, timedelta
from functools import lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.types import Options

from sfxero.sandbox.xero.replies import Json

TOKEN_LIFE_S = 1800
ID_TOKEN_LIFE_S = 300
ISSUER = "https://identity.xero.com"
_KEY_ID = "sandbox-1"
_ALGORITHM = "RS256"


@lru_cache(maxsize=1)
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed(claims: Json, *, audience: str, now: datetime, life_s: int) -> str:
    """A token of these claims that lives `life_s` seconds of the virtual clock."""
    whole = {
        **claims,
        "iss": ISSUER,
        "aud": audience,
        "nbf": int(now.timestamp()),
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(seconds=life_s)).timestamp()),
        "jti": secrets.token_hex(16),
    }
    return jwt.encode(whole, _key(), algorithm=_ALGORITHM, headers={"kid": _KEY_ID})


def claims_of(token: str) -> Json | None:
    """The claims of a token that was signed here, expired or not."""
    # The virtual clock decides on expiry, not the machine's.
    unverified = Options(verify_exp=False, verify_nbf=False, verify_aud=False, verify_iat=False)
    try:
        return jwt.decode(token, _key().public_key(), algorithms=[_ALGORITHM], options=unverified)
    except jwt.InvalidTokenError:
        return None


def published_keys() -> Json:
    """The key set that clients check id tokens with."""
    numbers = _key().public_key().public_numbers()
    key = {
        "kty": "RSA",
        "use": "sig",
        "alg": _ALGORITHM,
        "kid": _KEY_ID,
        "n": _number(numbers.n),
        "e": _number(numbers.e),
    }
    return {"keys": [key]}


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
