"""Staged Salesforce records in, exact Xero documents out: the two entries of the mapping."""

from sfxero.mapping.contacts import transform_contacts
from sfxero.mapping.invoices import transform_invoices

__all__ = ["transform_contacts", "transform_invoices"]
