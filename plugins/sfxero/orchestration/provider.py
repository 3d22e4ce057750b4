"""What Airflow reads while it starts: the Xero connection type and its form; imports nothing."""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Describe the package to Airflow's provider manager (schema: provider_info.schema.json)."""
    text = {"type": ["string", "null"]}
    return {
        "package-name": "sfxero",
        "name": "Xero",
        "description": "Keeps a Salesforce org and a Xero organisation in step.",
        "extra-links": ["sfxero.orchestration.links.ReportLink"],
        "connection-types": [
            {
                "connection-type": "xero",
                "hook-name": "Xero",
                "hook-class-name": "sfxero.orchestration.hooks.xero.XeroHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["port", "schema", "extra"],
                    "relabeling": {
                        "login": "Client ID",
                        "password": "Client secret",
                        "host": "API address",
                    },
                    "placeholders": {"host": "https://api.xero.com"},
                },
                "conn-fields": {
                    "flow": {
                        "label": "Flow",
                        "description": "client_credentials for a Custom Connection, which needs "
                        "no consent here; authorization_code for a web app: sfxero xero connect",
                        "schema": {
                            "type": "string",
                            "default": "client_credentials",
                            "enum": ["client_credentials", "authorization_code"],
                        },
                    },
                    "token_url": {
                        "label": "Token address",
                        "description": "Empty: Xero's own, https://identity.xero.com/connect/token",
                        "schema": text,
                    },
                    "tenant_id": {
                        "label": "Tenant ID",
                        "description": "Empty: the one organisation that is connected",
                        "schema": text,
                    },
                    "scopes": {
                        "label": "Scopes",
                        "description": "Empty: those of the app",
                        "schema": text,
                    },
                    "authorize_url": {
                        "label": "Consent address",
                        "description": "Empty: Xero's own, of https://login.xero.com",
                        "schema": text,
                    },
                    "ledger_conn_id": {
                        "label": "Ledger connection",
                        "description": "Keeps the tokens of a web app; empty: sfxero_ledger",
                        "schema": text,
                    },
                },
            }
        ],
    }
