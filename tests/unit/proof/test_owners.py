import pyarrow as pa
import pytest

from sfxero.proof.owners import named_by_url

ID = "006Sb0000001abcIAA"


@pytest.mark.parametrize(
    ("url", "short_id"),
    [
        (f"https://acme.my.salesforce.com/lightning/r/Opportunity/{ID}/view", ID[:15]),
        (f"https://acme.my.salesforce.com/{ID[:15]}", ID[:15]),
        (f"https://acme.my.salesforce.com/{ID}?src=1", ID[:15]),
        ("https://acme.my.salesforce.com/0061", None),
        ("https://acme.example/X006Sb0000001abcIAA/view", None),
        ("https://acme.my.salesforce.com/001Sb0000001abcIAA", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_names_the_opportunity_that_it_holds(url: str, short_id: str | None) -> None:
    assert named_by_url(pa.array([url], pa.string())).to_pylist() == [short_id]
