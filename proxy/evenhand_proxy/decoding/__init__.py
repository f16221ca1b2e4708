"""Decoding parameters: the vocabulary, the dialects, the resolver, the record, the fingerprint.

A leaf: standard library only. It is the one package of the proxy that the eval client may import.
"""

from evenhand_proxy.decoding.dialects import DIALECTS, Route
from evenhand_proxy.decoding.errors import DecodingError
from evenhand_proxy.decoding.facts import EngineFacts
from evenhand_proxy.decoding.lookalikes import lookalike
from evenhand_proxy.decoding.profiles import PROFILES, Profile
from evenhand_proxy.decoding.record import Change, DecodingRecord, ParameterRecord, Violation
from evenhand_proxy.decoding.resolve import Resolution, resolve
from evenhand_proxy.decoding.settings import canonical, nearest, parse_setting, split_model
from evenhand_proxy.decoding.vocabulary import ABSENT, PARAMETERS, SPELLINGS, Mode, Parameter

__all__ = [
    "ABSENT",
    "DIALECTS",
    "PARAMETERS",
    "PROFILES",
    "SPELLINGS",
    "Change",
    "DecodingError",
    "DecodingRecord",
    "EngineFacts",
    "Mode",
    "Parameter",
    "ParameterRecord",
    "Profile",
    "Resolution",
    "Route",
    "Violation",
    "canonical",
    "lookalike",
    "nearest",
    "parse_setting",
    "resolve",
    "split_model",
]
