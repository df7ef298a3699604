"""What the engine offers is described: the reader's map is true, and every public name says what it is."""

import dataclasses
import inspect
import pkgutil
import types

import pytest

import secmail
from secmail import mime
from secmail.labels import __all__ as label_names


def test_the_readers_map_names_every_part_of_the_engine():
    parts = {each.name for each in pkgutil.iter_modules(secmail.__path__)} - {"__main__"}
    assert {name for name in parts if f"``{name}``" not in secmail.__doc__} == set()


PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module, names in [(secmail, secmail.__all__), (mime, mime.__all__), (secmail.labels, label_names)]
    for name in names
}


@pytest.mark.parametrize("name", sorted(name for name, each in PUBLIC.items() if isinstance(each, type | types.FunctionType)))
def test_every_public_name_says_what_it_is(name):
    described = PUBLIC[name]
    text = described.__doc__ or ""
    generated = dataclasses.is_dataclass(described) and text.startswith(f"{described.__name__}(")
    assert text.strip(), name
    assert not generated


@pytest.mark.parametrize("name", sorted(name for name, each in PUBLIC.items() if isinstance(each, types.FunctionType)))
def test_every_public_function_has_types(name):
    signature = inspect.signature(inspect.unwrap(PUBLIC[name]))
    untyped = [each.name for each in signature.parameters.values() if each.annotation is inspect.Parameter.empty]
    assert untyped == []
    assert signature.return_annotation is not inspect.Signature.empty
