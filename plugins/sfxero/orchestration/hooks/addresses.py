"""Addresses as people fill them into connections: with or without scheme, the port apart."""

from urllib.parse import urlsplit

from airflow.sdk import Connection


def full_address(text: str, connection: Connection) -> str:
    """Return the address with its scheme (https unless said otherwise) and the form's port."""
    address = text.rstrip("/")
    if "://" not in address:
        scheme = connection.schema if connection.schema in {"http", "https"} else "https"
        address = f"{scheme}://{address}"
    parts = urlsplit(address)
    if not connection.port or parts.netloc.rpartition("]")[2].count(":"):
        return address
    return parts._replace(netloc=f"{parts.netloc}:{connection.port}").geturl()
