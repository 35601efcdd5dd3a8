import pytest

from bgremove.engines import ENGINES, make_engine
from bgremove.errors import UsageError
from tests.contracts import check_engine
from tests.tiny_models import model_for


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_keeps_its_contract(name, tmp_path):
    check_engine(make_engine(name, model_for(name, tmp_path)))


def test_an_unknown_name_is_refused():
    with pytest.raises(UsageError, match="opencv"):
        make_engine("magic")
