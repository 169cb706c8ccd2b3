import pytest

from bench.errors import BenchError
from bench.records.prices import prices_of, read_prices


@pytest.fixture
def file(tmp_path):
    """Call with a text; gives the path of a file that holds it."""

    def write(text):
        path = tmp_path / "prices.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_an_option_is_a_name_and_a_price_and_may_hold_more_signs():
    found = prices_of(["Intel Xeon, 2 cores = 0.12", "a=b=3"])
    assert found.per_hour == {"Intel Xeon, 2 cores": 0.12, "a=b": 3.0}
    assert (found.currency, found.asked) == ("EUR", {"Intel Xeon, 2 cores", "a=b"})


def test_an_option_goes_before_the_file_whose_currency_counts(file):
    path = file('\ufeffcurrency = "USD"\r\n[price]\r\n"Intel Xeon, 2 cores" = 1\n3f61 = 2.5\nvm = 0\n')
    found = prices_of(["vm=4"], path)
    assert found.per_hour == {"Intel Xeon, 2 cores": 1.0, "3f61": 2.5, "vm": 4.0}
    assert (found.currency, found.asked, found.file) == ("USD", {"vm"}, str(path))


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("vm", "--price vm: not NAME=PRICE; write it like"),
        ("=3", "--price =3: not NAME=PRICE"),
        ("vm=", '--price vm: a price must be a number, not ""'),
        ("vm=3 EUR", '--price vm: a price must be a number, not "3 EUR"'),
        ("vm=-1", "--price vm: a price must be a finite number from 0 on, not -1.0"),
        ("vm=nan", "not nan"),
        ("vm=1e999", "not inf"),
    ],
)
def test_an_option_that_is_none_is_one_line(option, why):
    with pytest.raises(BenchError) as refused:
        prices_of([option])
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_name_twice_is_refused():
    with pytest.raises(BenchError, match="--price vm: given twice"):
        prices_of(["vm=1", "vm=2"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("price", "not valid TOML"),
        (f"[price]\nvm = {'1' * 5000}", "not valid TOML"),
        (b"\xff\xfe", "not UTF-8 text"),
        ("", "a table of prices is needed"),
        ("price = 3", "a table of prices is needed"),
        ("[price]", "a table of prices is needed"),
        ("[prices]\nvm = 1", "prices: unknown key; did you mean price?"),
        ("[price]\nvm = true", "vm: a price must be a number, not true"),
        ('[price]\nvm = "1"', 'vm: a price must be a number, not "1"'),
        ("[price]\nvm = nan", "vm: a price must be a finite number from 0 on, not nan"),
        ("[price]\nvm = -0.5", "vm: a price must be a finite number from 0 on, not -0.5"),
        (f"[price]\nvm = 1{'0' * 400}", "vm: a price must be a finite number"),
        ("[price]\nnode.example = 1", "node: a name with a dot in it has to stand in quotes"),
        ("currency = 3\n[price]\nvm = 1", "currency: must be a name"),
        ('currency = "Euro und Cent"\n[price]\nvm = 1', "currency: must be a name"),
        ('currency = "a\\u001bb"\n[price]\nvm = 1', "currency: must be a name"),
    ],
)
def test_a_file_that_says_something_else_is_one_line(file, text, why):
    path = file(text)
    with pytest.raises(BenchError) as refused:
        read_prices(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_a_folder_is_one_line(tmp_path):
    with pytest.raises(BenchError, match="no such file; give the path of a TOML file"):
        read_prices(tmp_path / "none.toml")
    with pytest.raises(BenchError, match="cannot be read"):
        read_prices(tmp_path)


def test_a_file_without_end_is_not_read_whole(file):
    with pytest.raises(BenchError, match="larger than 4 MiB"):
        read_prices(file(b"#" * (4 * 2**20 + 1)))
