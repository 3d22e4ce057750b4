"""Word lists of the seed: places, names, products and oddities."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Town:
    """A place with its state in both spellings."""

    city: str
    state: str
    code: str
    postcode: str
    area: str


@dataclass(frozen=True, slots=True)
class Product:
    """One entry of the catalogue."""

    code: str
    name: str
    family: str
    price: Decimal


TOWNS = (
    Town("Sydney", "New South Wales", "NSW", "2000", "02"),
    Town("Parramatta", "New South Wales", "NSW", "2150", "02"),
    Town("Newcastle", "New South Wales", "NSW", "2300", "02"),
    Town("Wagga Wagga", "New South Wales", "NSW", "2650", "02"),
    Town("Melbourne", "Victoria", "VIC", "3000", "03"),
    Town("Geelong", "Victoria", "VIC", "3220", "03"),
    Town("Ballarat", "Victoria", "VIC", "3350", "03"),
    Town("Brisbane", "Queensland", "QLD", "4000", "07"),
    Town("Townsville", "Queensland", "QLD", "4810", "07"),
    Town("Toowoomba", "Queensland", "QLD", "4350", "07"),
    Town("Adelaide", "South Australia", "SA", "5000", "08"),
    Town("Perth", "Western Australia", "WA", "6000", "08"),
    Town("Fremantle", "Western Australia", "WA", "6160", "08"),
    Town("Hobart", "Tasmania", "TAS", "7000", "03"),
    Town("Darwin", "Northern Territory", "NT", "0800", "08"),
    Town("Canberra", "Australian Capital Territory", "ACT", "2601", "02"),
)
STREETS = (
    "Pitt Street", "Collins St", "Queen Street", "King William Rd", "St Georges Terrace",
    "O'Connell Street", "Murray St", "Flinders Lane", "Elizabeth St", "Wickham Terrace",
    "Mitchell Street", "Northbourne Ave", "Macquarie Rd", "Bourke St", "Crown & Anchor Lane",
)  # fmt: skip
FIRST_LINES = ("Level {n}", "Suite {n}", "Building B", "c/- Accounts Payable", "Unit {n}, Rear")
SURNAMES = (
    "Nguyen", "Smith", "O'Brien", "Papadopoulos", "Kelly", "Singh", "Murphy", "Chen", "McDonald",
    "Rossi", "Walker", "D'Souza", "Campbell", "Kowalski", "Tran", "Fitzgerald", "Morrison",
    "Lindström", "Barnes", "Yilmaz",
)  # fmt: skip
COUNTRY_WORDS = (
    "Southern", "Harbour", "Outback", "Coastal", "Blue Gum", "Wattle", "Banksia", "Kimberley",
    "Riverina", "Gippsland", "Pilbara", "Hunter Valley", "Tasman", "Bass Strait", "Sunshine",
)  # fmt: skip
TRADES = (
    "Electrical", "Plumbing", "Engineering", "Wines", "Logistics", "Dental", "Physiotherapy",
    "Accounting", "Landscapes", "Solar", "Joinery", "Catering", "Legal", "Signage", "Motors",
    "Veterinary Clinic", "Early Learning", "Refrigeration", "Packaging", "Survey & Mapping",
)  # fmt: skip
FORMS = ("Pty Ltd", "Pty Ltd", "Pty. Limited", "Ltd", "Group", "Co-operative", "Partners", "Trust")

_LONG_NAME = (
    "The Trustee for the Very Long Established and Widely Respected Northern Rivers Agricultural, "
    "Pastoral, Horticultural, Viticultural and General Purpose Producers' Marketing and "
    "Distribution Co-operative Unit Trust (Established 1897) No 2"
)
# Names that trip naive code; each stands beside ordinary ones.
ODD_NAMES = (
    "O'Brien & Sons Pty Ltd",
    "Café Moderne Pty Ltd",
    "CAFE MODERNE PTY LTD",
    'Zoë\'s "Quick" Plumbing, Drainage & Gas',
    "Southern Cross Electrical Pty Ltd",
    "Southern Cross Electrical Pty Ltd",
    "southern cross electrical pty ltd",
    "Müller, Lüders & Co",
    "Mueller, Lueders & Co",
    "Harbour  Bridge Outfitters",
    "Société d'Équipement du Pacifique",
    "Jane Citizen T/A Citizen's Cakes",
    "Ōtautahi Timber Limited",
    "100% Organic Growers (Victoria)",
    "Wattle Grove Holdings; Trustee for the Grove Family Trust",
    "=SUM Technologies",
    "Nguyễn Văn Imports",
    "Smith, Smith & Smith, Solicitors",
    'The "Original" Pie Company',
    "Riverina Grain\u2019s Best \U0001f33e",
    _LONG_NAME,
)
# Accounts sharing one of these numbers make it useless as a suffix.
SHARED_NUMBERS = ("AC-SHARED-1", "AC-SHARED-2")

PRODUCTS = tuple(
    Product(code, name, family, Decimal(price))
    for code, name, family, price in (
        ("HW-SRV-100", "Rack server 1U", "Hardware", "8450.00"),
        ("HW-SRV-200", "Rack server 2U, dual power", "Hardware", "12500.00"),
        ("HW-LAP-014", 'Laptop 14" business', "Hardware", "1899.95"),
        ("HW-MON-027", 'Monitor 27"', "Hardware", "489.00"),
        ("HW-DOC-001", "Docking station", "Hardware", "279.50"),
        ("HW-CAB-003", "Patch cable 3 m", "Hardware", "7.3525"),
        ("HW-CAB-010", "Fibre cable, per metre", "Hardware", "2.1875"),
        ("HW-SWI-048", "Network switch 48 port", "Hardware", "3210.00"),
        ("HW-UPS-015", "UPS 1.5 kVA", "Hardware", "940.00"),
        ("SW-ERP-USR", "ERP licence, per user and year", "Software", "1320.00"),
        ("SW-CRM-USR", "CRM licence, per user and year", "Software", "990.00"),
        ("SW-SEC-DEV", "Endpoint security, per device", "Software", "41.6667"),
        ("SW-BKP-GB", "Cloud backup, per GB", "Software", "0.0425"),
        ("SW-DEV-ENT", "Developer suite, enterprise", "Software", "15750.00"),
        ("SV-INS-HR", "Installation, per hour", "Services", "165.00"),
        ("SV-CON-DAY", "Consulting, per day", "Services", "1850.00"),
        ("SV-TRN-DAY", "Training day, on site", "Services", "2400.00"),
        ("SV-SUP-MON", "Support plan, per month", "Services", "349.99"),
        ("SV-AUD-FIX", "Security audit, fixed price", "Services", "9800.00"),
        ("SV-CRD-ADJ", "Goodwill adjustment", "Services", "100.00"),
        ("FR-STD", "Freight, standard", "Freight", "38.50"),
        ("FR-EXP", "Freight, express", "Freight", "84.00"),
        ("FR-PAL", "Freight, per pallet", "Freight", "212.7250"),
        ("EX-HW-KIT", "Export kit, hardware", "Export", "4200.00"),
        ("EX-SV-REM", "Remote services, overseas client", "Export", "220.00"),
    )
)
CREDIT_CODE = "SV-CRD-ADJ"
PLATFORM_CODE = "SW-DEV-ENT"
DISCOUNTS = ("5", "10", "12.5", "15", "20", "33.33", "7.25", "100")
PROJECTS = (
    "Office fit-out", "Server refresh", "Licence renewal", "Rollout stage 1", "Rollout stage 2",
    "Branch network", "Support contract", "Audit & remediation", "Training programme",
    'Warehouse "Go-Live"', "Déménagement", "Pilot",
)  # fmt: skip
LINE_TEXTS = (
    "Deliver to the loading dock, ring before arrival",
    'Colour: "Sea Mist", matt',
    "Includes set-up; excludes travel",
    "Approved by the board \u2705, deliver in two lots",
    "Line one\u2028line two",
    "=1+1 is not a formula",
    "Prix spécial convenu",
)
