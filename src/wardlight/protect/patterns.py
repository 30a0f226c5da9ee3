"""Where an identifier may begin: one RE2 alternation, a group for each way of finding one.

Each pattern is short and bounded, so that a search never looks far ahead in vain: how far an identifier goes and
whether it is one is decided behind (`find`), on the few places found. Columns are searched as one text with a zero byte
between values; no pattern reaches over one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import re2

from wardlight.problems import BadConfig
from wardlight.protect.kinds import FIELDS

_MEMORY = 256 * 1024 * 1024

TOKEN_PREFIXES = (
    "AGE-SECRET-KEY-", "AIza", "AKIA", "ASIA", "EAACEdEose0cBA", "SG.", "dop_v1_", "dckr_pat_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_",
    "github_pat_", "glpat-", "hf_", "hvs.", "key-", "lin_api_", "npm_", "pypi-", "rk_live_", "rk_test_", "shpat_", "sk-", "sk_live_",
    "sk_test_", "sq0atp-", "whsec_", "xapp-", "xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-", "ya29.",
)  # fmt: skip
"""How keys of well-known services begin."""

_STREETS = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Terrace|Way|Close|Crescent|Square|Sq|Highway|Hwy|"
    "Parkway|Pkwy|Circle|Cir|Trail|Trails|Alley|Annex|Arcade|Bayou|Beach|Bend|Bluff|Bluffs|Bottom|Branch|Bridge|Brook|Brooks|Burg|Burgs|Bypass|Camp|Canyon|"
    "Cape|Causeway|Center|Centers|Circles|Cliff|Cliffs|Club|Common|Corner|Corners|Course|Courts|Cove|Coves|Creek|Crest|Crossing|"
    "Crossroad|Crossroads|Curve|Curves|Dale|Dam|Divide|Drives|Estate|Estates|Expressway|Extension|Extensions|Fall|Falls|Ferry|Field|Fields|Flat|Flats|"
    "Ford|Fords|Forest|Forge|Forges|Fork|Forks|Fort|Freeway|Garden|Gardens|Gateway|Glen|Glens|Green|Greens|Grove|Groves|Harbor|Harbors|"
    "Haven|Heights|Hill|Hills|Hollow|Inlet|Island|Islands|Isle|Junction|Junctions|Key|Keys|Knoll|Knolls|Lake|Lakes|Land|Landing|Light|"
    "Lights|Loaf|Lock|Locks|Lodge|Loop|Mall|Manor|Manors|Meadow|Meadows|Mews|Mill|Mills|Mission|Motorway|Mount|Mountain|Mountains|Neck|"
    "Orchard|Oval|Overpass|Park|Parks|Parkways|Pass|Passage|Path|Pike|Pine|Pines|Plain|Plains|Plaza|Point|Points|Port|Ports|Prairie|"
    "Radial|Ramp|Ranch|Rapid|Rapids|Rest|Ridge|Ridges|River|Roads|Route|Row|Rue|Run|Shoal|Shoals|Shore|Shores|Skyway|Spring|Springs|"
    "Spur|Spurs|Squares|Station|Stravenue|Stream|Streets|Summit|Throughway|Trace|Track|Trafficway|Tunnel|Turnpike|Underpass|Union|"
    "Unions|Valley|Valleys|Via|Viaduct|View|Views|Village|Villages|Ville|Vista|Walk|Walks|Wall|Ways|Well|Wells"
)  # fmt: skip
_BORN = (
    r"dob|d\.o\.b|date of birth|birth ?date|birthday|born|geb|geboren|geburtsdatum|geburtstag|née?|date de naissance|nacid[oa]|"
    r"fecha de nacimiento|nat[oa]|data di nascita|geboortedatum"
)
_TITLES = (
    r"patient(?:e|in|en)?|paciente|paziente|mr|mrs|ms|miss|mx|dr|prof|herrn?|frau|mme|madame|monsieur|señora?|sra?|signora?|sig|"
    r"mother|father|wife|husband|spouse|daughter|son|brother|sister|guardian|next of kin|carer|named|name is|called"
)
_PARTICLES = r"das|do|af|av|van|von|de|der|den|del|della|la|le|du|da|di|dos|zu|el|al|bin|ter"
_PHONES = (
    r"phone|phoned|phones|telephone|tel|mobile|cell|voice ?mail|message|contact|contacted|reach|fax|sms|"
    r"call|called|calling|callback|text|texted|dial|dialled|dialed|ring|reached|handy|telefon|"
    r"telefonnummer|rückruf|téléphone|teléfono|whatsapp|number"
)
_NUMBERED = r"ssn|social security|nhs|mrn|medical record|hospital number|chart number|credit card|card|iban|patient id|patient number|patient no"  # noqa: E501 -- a list of words
_SAID = r"password|passwort|passphrase|passwd|identified by|token|secret|api[ _-]?key"

_NO_MASK = r"(?:[ =:][^\x00\[]|[^\x00\] =:])"
"""What may follow a word: not the end of a mask that it is in, nor a mask."""


def _field(words: str) -> str:
    return "[_. -]?".join(map(re.escape, words.split()))


_FIELDS = "|".join(
    _field(name) for name in sorted({f for all_ in FIELDS.values() for f in all_}, key=len, reverse=True)
)

GROUPS: dict[str, str] = {
    "done": r"pseudo:[a-z_]{2,12}:k\d{1,4}:[A-Z2-7]{16}",
    "hl7": r"(?:\b|\\[rnx])(?:PID|NK1|GT1|IN1)\|",
    "private_key": r"-----BEGIN (?:[A-Z]{2,9} ){0,3}PRIVATE KEY",
    "jwt": r"\beyJ[A-Za-z0-9_-]{8}",
    "url_password": r"://[^\s:/?#@\"'<>\x00]{0,64}:",
    "human": (
        r"\b(?i:name|address)\\{0,3}\"[ \t]{0,2}:[ \t]{0,2}\[?[ \t]{0,2}\{[ \t]{0,2}(?:\\{0,3}\"use\\{0,3}\"[ \t]{0,2}:[ \t]{0,2}"
        r"\\{0,3}\"\w{2,12}\\{0,3}\",[ \t]{0,2})?\\{0,3}\"text\\{0,3}\"[ \t]{0,2}:[ \t]{0,2}\\{0,3}\"[^\x00]"
    ),
    "field": (
        rf"(?i:{_FIELDS})(?:\\{{0,3}}[\"']\]?[ \t]{{0,2}}(?:=>|[:=])|[ \t]{{0,2}}(?:=>|:=|==|[:=])|\)=\(|>| value=|"
        r"[ \t](?i:i?like)[ \t])[ \t]{0,2}"
        r"(?:\\{0,3}[\"'](?:[^\[\x00]|\[[^a-z\x00])|[^\[\"'\\\x00]|\[[^a-z\x00])"
    ),
    "bearer": r"\b(?i:bearer|basic) [A-Za-z0-9]",
    "token": rf"\b(?:{'|'.join(map(re.escape, TOKEN_PREFIXES))})[A-Za-z0-9_-]",
    "email": r"(?:@|%40)[\pL0-9]",
    # Behind é there is no word's end for RE2, which knows ASCII's words only.
    "birth_date": rf"\b(?i:{_BORN})\b{_NO_MASK}|\b(?i:né)[ =:][^\x00\[]",
    "numbered": rf"\b(?i:{_NUMBERED})\b[^\x00\]]",
    "said": rf"\b(?i:{_SAID}) ",
    "called": rf"\b(?i:{_PHONES})\b{_NO_MASK}",
    "patient": r"\b(?i:patients?)(?:/| ?#| )[A-Za-z]{0,8}-?\d",
    "person": rf"\b(?i:{_TITLES})\.?:?(?: named?)? (?:(?:Dr|Mrs?|Ms|Miss|Prof)\.? )?(?:(?:{_PARTICLES}) ){{0,3}}\p{{Lu}}",
    "ssn": r"\b\d{3}-\d{2}-\d{4}\b",
    "three_three_four": (
        r"(?:\b(?:1|001|\+1)[ .-])?(?:\(\d{3}\)[ -]?\d{3}[ .-]\d{4}|\b\d{3}(?:-\d{3}-|\.\d{3}\.| \d{3} |-\d{3}\.)\d{4})(?:x\d{1,6})?\b"
    ),
    "phone": (
        r"\+\d[\d ()./-]{5}|\b0[1-9]\d{1,4}[ /-]\d{2,8}\b|\(0\d{2,5}\)[ /-]?\d{3}|\b07\d{9}\b|\b0[1-9](?:[ .-]\d{2}){4}\b"
    ),
    "card": (
        r"\b(?:[3-6]\d{3}|2[2-7]\d{2}|2131|1800)[ -]?\d{4,6}[ -]?\d{4,5}(?:[ -]?\d{1,4})?(?:[ -]?\d{1,3})?\b"
    ),
    "iban": r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2}",
    "address": (
        rf"\b\d{{1,6}}[A-Za-z]? (?:[NSEW]\.? )?(?:\p{{Lu}}[\pL'.-]* ){{1,4}}(?:{_STREETS})\b|"
        r"\b\p{Lu}[\pL.-]*(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse) \d{1,4}[a-z]?\b|"
        r"\b\d{1,4}(?: bis| ter)?,? (?:rue|avenue|boulevard|chemin|impasse|quai|allée) (?:d[eu] (?:la )?|des |d')?\p{Lu}[\pL'-]*|"
        r"\b(?:Calle|Avenida|Plaza|Paseo) (?:de (?:la )?|del )?\p{Lu}[\pL'-]*(?: \p{Lu}[\pL'-]*)?,? \d{1,4}\b"
    ),
}  # fmt: skip
"""Ways of finding, in the order of their precedence where they begin at the same place."""

NAMES = ("", *GROUPS, "custom")
"""Way of finding by the number of its group."""


def alternation(mrn_patterns: Iterable[str]) -> tuple[Any, Any]:
    """Compile everything into one pattern, with groups and, several times as quick, without. Raises BadConfig.

    The administrator's own patterns come last.
    """
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    own = []
    for pattern in mrn_patterns:
        try:
            compiled = re2.compile(pattern, options)
        except re2.error:
            raise BadConfig(f"{pattern!r} is not an RE2 pattern (setting protect.mrn_patterns)") from None
        if compiled.groups or compiled.search("") or compiled.fullmatch(" "):
            raise BadConfig(f"{pattern!r} has a group, or matches nothing at all (setting protect.mrn_patterns)")
        own.append(f"(?:{pattern})")
    groups = [*GROUPS.values(), *(["|".join(own)] if own else [])]
    return tuple(
        re2.compile("|".join(f"{opening}{group})" for group in groups).encode(), options) for opening in ("(", "(?:")
    )
