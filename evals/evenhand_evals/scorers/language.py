"""Name the language of a text, the same way every time.

The detector is langdetect, as in the published IFEval checker. It draws random numbers; unseeded,
the same text gets different languages in different runs, and so different scores. Here every
detector is seeded with 0.
"""

from functools import cache
from typing import Any


@cache
def _profiles() -> Any:
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    # Set on the instance: the class attribute would seed every other user of the library too.
    factory.seed = 0
    return factory


def language_of(text: str) -> str | None:
    """Give the ISO 639-1 code of a text's language, or None if it has nothing to tell it by.

    Chinese is `zh-cn` or `zh-tw`. Digits, punctuation and an empty text give None.
    """
    from langdetect.lang_detect_exception import LangDetectException

    detector = _profiles().create()
    detector.append(text)
    try:
        return str(detector.detect())
    except LangDetectException:
        return None
