"""Staged Salesforce records in, exact Xero documents out: the entries of the mapping."""

from sfxero.mapping.contacts import transform_contacts
from sfxero.mapping.invoices import transform_invoices
from sfxero.mapping.leads import transform_leads

__all__ = ["transform_contacts", "transform_invoices", "transform_leads"]
