"""Decoding parameters: the vocabulary, the dialects, the resolver, the record, the fingerprint.

A leaf: standard library only. It is the one package of the proxy that the eval client may import.
"""

from evenhand_proxy.decoding.asked import CLIENT, gather, speaking
from evenhand_proxy.decoding.dialect import Dialect
from evenhand_proxy.decoding.dialects import DIALECTS, ENGINES, Route, dialect_for
from evenhand_proxy.decoding.errors import DecodingError
from evenhand_proxy.decoding.facts import EngineFacts
from evenhand_proxy.decoding.lookalikes import lookalike
from evenhand_proxy.decoding.parameters import PARAMETERS, SPELLINGS
from evenhand_proxy.decoding.policy import Policy, PolicyRule
from evenhand_proxy.decoding.profiles import PROFILES, Profile
from evenhand_proxy.decoding.record import (
    Change,
    DecodingRecord,
    ParameterRecord,
    PolicyHit,
    Violation,
)
from evenhand_proxy.decoding.resolve import Resolution, Resolver, resolve
from evenhand_proxy.decoding.settings import canonical, nearest, parse_setting, split_model
from evenhand_proxy.decoding.vocabulary import ABSENT, Mode, Parameter

__all__ = [
    "ABSENT",
    "CLIENT",
    "DIALECTS",
    "ENGINES",
    "PARAMETERS",
    "PROFILES",
    "SPELLINGS",
    "Change",
    "DecodingError",
    "DecodingRecord",
    "Dialect",
    "EngineFacts",
    "Mode",
    "Parameter",
    "ParameterRecord",
    "Policy",
    "PolicyHit",
    "PolicyRule",
    "Profile",
    "Resolution",
    "Resolver",
    "Route",
    "Violation",
    "canonical",
    "dialect_for",
    "gather",
    "lookalike",
    "nearest",
    "parse_setting",
    "resolve",
    "speaking",
    "split_model",
]
