"""The words of a radiograph's report that name a finding, only hint at one, or mislead.

Regular expressions on lower-case text, written for chest radiographs and chosen on the development
half of Open-i (docs/parser.md).
"""

import re
from typing import Final

_ELSEWHERE = (
    r"(?:aort\w*|arch|knob|athero\w*|vascul\w+|vessels?|coronary|arter\w+|carotid\w*|subclavian|"
    r"mitral|annul\w*|valv\w*|tend\w+|ligament\w*|trache\w*|bronchial|cartilag\w*|costo\w+|"
    r"chondral|soft tissues?|breasts?|thyroid|splee?n\w*|disc|(?:hemi)?abdom\w+|gallbladder|"
    r"gallstones?|shoulder)"
)

#: Words in which a finding's name means something else; they are taken out before findings are
#: looked for. Vessels, valves, spine, breasts and costal cartilage calcify too, fluid gathers in
#: other places, and air in soft tissue is no emphysema of the lung.
DECOYS: Final = (
    rf"{_ELSEWHERE}[ /,]+(?:(?:and|or|walls?|plaques?) )*calcifi\w+",
    rf"calcifi\w+ (?:\w+ )?(?:of|in|within|involving|along|at) (?:the )?(?:\w+ )?{_ELSEWHERE}",
    rf"calcifi\w+ (?:(?:and|,) \w+ )?(?:left |right |thoracic )?{_ELSEWHERE}",
    r"aort\w*(?: [a-z]+){0,4} calcifi\w+|calcifi\w+(?: [a-z]+){0,4} aort\w*",
    r"pericardial (?:\w+ ){0,2}(?:effusions?|fluid)|joint effusions?",
    r"effusions? of the (?:knee|hip)",
    r"(?:subcutaneous|mediastinal|soft tissue|surgical|interstitial) emphysema",
    r"cystic fibrosis",
    r"mass effect|mass-like|(?:muscle|body|breast|soft tissue|chest wall) mass(?:es)?",
    r"(?:thyroid|breast|skin|schmorl'?s?) nod\w+",
    r"(?:spinal|vertebral|disc|endplate|interspace|wedge) collapse",
    r"collapse of (?:the )?vertebra\w*",
    r"fractured? (?:of )?(?:the )?(?:stern\w+ )?(?:wires?|screws?|hardware|leads?|plate)",
    r"(?:wires?|sutures?|leads?|hardware) (?:\w+ ){0,3}fractured?",
    r"(?:surgical|skin) scar\w*|bowel infiltr\w+",
    r"(?:peribronchial|bronchial|septal|wall|soft tissue|fissur\w+|stripe) thicken\w+",
)

_LUNG = r"(?:lungs?|pulmonary|lobes?|lobar)"
_HEART = (
    r"(?:heart(?: size| shadow)?|cardiac (?:silhouette|shadow|contour|size)|"
    r"(?:cardiomediastinal|cardiopericardial) silhouette)"
)
#: What may stand between the heart and "enlarged"; a "not" in it negates like one before it.
_COPULA = (
    r"(?:is|are|not|no longer|appears?|remains?|again|stable|now|at|the|to be|and|unchanged|top normal|"
    r"mild\w*|moderate\w*|marked\w*|severe\w*|slight\w*|borderline|somewhat|minimally|persistently|gross\w*|"
    r"significantly|massively|prominent|size|in|contour|pulmonary vascularity)"
)

#: Finding to the patterns that name it, longer ones first.
NAMES: Final[dict[str, tuple[str, ...]]] = {
    "atelectasis": (
        r"(?:sub\s?segmental |segmental |discoid |platelike |plate-like |linear |band-like |"
        r"bandlike |compressive )*atelecta\w+",
        r"(?:lung |lobar |lobe )?volume loss|loss of (?:lung )?volume",
        r"(?:lung |lobar |lobe |partial |complete )?collapse\b|collapsed (?:lobe|lung)",
    ),
    "calcification": (
        r"calcifi\w+ (?:\w+ ){0,3}?(?:granulom\w+|nodul\w+|nodes?|lesions?|densit\w+|opacit\w+|"
        r"adenopathy|lymphadenopathy|focus|foci|lymph|hila|pleural plaques?)",
        r"(?:granulom\w+|nodul\w+|lymph nodes?|nodes?) (?:\w+ ){0,2}calcifi\w+",
        r"calcifi(?:cations?|ed|c)\b|calcinosis",
        r"granulomatous calcifi\w+",
    ),
    "cardiomegaly": (
        r"cardiomegal\w+",
        rf"(?:enlarged|enlargement of|dilated|increased|prominent)(?: \w+){{0,2}} {_HEART}(?! border)",
        rf"{_HEART}(?:,? {_COPULA}){{0,5}} (?:enlarge\w+|dilated|increased in size|large|big)\b",
        rf"{_HEART}(?:,? {_COPULA}){{0,5}} borderline(?! normal)(?: in size)?",
        r"(?:cardiac|heart) enlargement|(?:big|large) heart|increase in (?:the )?heart size",
        r"borderline (?:heart|cardiac)(?: \w+)? ?size|heart size \w+ (?:\w+ )?enlarged",
        r"cardiothoracic ratio (?:is )?(?:above|over|greater than) (?:0?\.5|50)",
    ),
    "consolidation": (
        r"consolidat\w+",
        r"(?:air[- ]?space|alveolar) (?:\w+ )?(?:diseases?|opaci\w+|process\w*|densit\w+)",
        r"(?:air[- ]?space|alveolar) (?:\w+ )?(?:infiltrat\w+|consolidat\w+)",
        r"(?:opaci\w+|disease) in (?:the )?air ?space",
        r"infiltrat\w*",
        r"(?:broncho)?pneumonias?\b|pneumonic",
    ),
    "diffuse_nodule": (
        r"(?:multiple|numerous|innumerable|diffuse|miliary|many|several|scattered|countless|"
        r"bilateral multiple)(?:,? (?:\w+-?\w*,? )?(?:and )?(?:small|tiny|lung|pulmonary|bilateral|"
        r"metastatic|parenchymal|round\w*|well|defined|non|calcified|noncalcified|scattered|"
        r"sub-?centimeter)){0,4} nodul(?:es|arity|ar opacities|ar densities)",
        r"diffuse (?:lung |pulmonary )?nodul\w+|diffuse nodule",
        r"miliary (?:\w+ )?(?:pattern|opacities|disease|shadows|tuberculosis|nodul\w+)",
        r"(?:pulmonary|lung) metasta\w+|nodules throughout",
    ),
    "effusion": (
        r"(?:hydro|haemo|hemo)thorax|empyema|(?:hydro|hemo)pneumothorax",
        r"(?:pleural|parapneumonic|subpulmonic|loculated)[- ](?:(?!air)\w+ )?"
        r"(?:effusions?|fluid|collections?)",
        r"(?:pleural )?effusions?\b",
        r"fluid (?:\w+ )?(?:in|within|along|tracking) (?:the )?(?:\w+ )?(?:pleura|fissure)\w*",
    ),
    "emphysema": (
        r"(?:bullous |panlobular |centrilobular )?emphysem\w+",
        r"bulla\w?\b|bullous (?:\w+ )?(?:disease|changes?)|blebs?\b",
    ),
    "fibrosis": (
        r"(?:interstitial )?fibro(?:sis|ses|tic)\b(?: (?:changes?|strands?|bands?|streaks?|scarring))?",
        r"(?:fibro\w*[ -])?(?:parenchymal |pulmonary |lung |linear )?(?:scars?|scarring)\b",
        r"cicatri\w+",
        r"pleur\w+[- ]?(?:parenchymal|peripheral) (?:scar\w*|fibro\w+)",
        r"honeycomb\w*",
    ),
    "fracture": (
        r"(?:ribs? |clavic\w+ |vertebral |compression |sternal |humer\w+ |bony? )*fractur\w+",
        r"(?:broken|fractured) (?:ribs?|clavicles?)",
    ),
    "mass": (
        rf"(?:{_LUNG} |(?:supra|peri)?hilar |cavitary |spiculated )*mass(?:es)?\b(?: lesions?)?",
        r"(?:lung |bronchogenic |pulmonary )(?:tumou?rs?|neoplasm\w*|carcinoma\w*|cancer)",
    ),
    "nodule": (
        rf"(?:{_LUNG} |solitary |non-?calcified )*nodul(?:e|es|ar opacit\w+|ar densit\w+|ar lesion|"
        r"ar focus|arity)\b",
        r"(?:round\w*|oval) (?:opaci\w+|densit\w+|lesions?)",
        r"coin lesions?",
    ),
    "pleural_thickening": (
        r"pleural(?:/\w+| and \w+)?[- ](?:\w+ )?(?:thicken\w+|plaques?|scar\w*|fibrosis|cap)",
        r"thicken\w+ (?:of|along|in) (?:the )?(?:\w+ ){0,3}pleura\w*|thickened pleura",
        r"pleur\w+[- ]?(?:parenchymal|peripheral) (?:scar\w*|thicken\w+|fibro\w+)",
        r"apical cap(?:ping|s)?|fibrothorax",
    ),
    "pneumothorax": (
        r"(?:hydro|hemo|haemo)?pneumothora(?:x|ces|xes)",
        r"(?:pleural|intrapleural) air|air in the pleural (?:space|cavity)",
        r"visceral pleural line",
    ),
}

#: What only suggests a finding: always reported as uncertain, never requested.
HINTS: Final[dict[str, tuple[str, ...]]] = {
    "calcification": (r"granuloma\w*",),
    "emphysema": (
        r"hyper-?\s?(?:inflat\w+|expan\w+|aerat\w+|lucen\w+|disten\w+)|air trapping|\bcopd\b|"
        r"chronic obstructive(?: pulmonary| lung| airways?)? diseases?",
    ),
    "effusion": (
        r"blunt\w*(?: \w+){0,5} (?:costophrenic|cp|costo-phrenic)(?: \w+)?|"
        r"(?:costophrenic|cp) (?:angles?|sulc\w+|recess\w*)(?: \w+){0,4} blunt\w*",
    ),
    "consolidation": (r"(?:\w+ )?(?:opaci(?:ty|ties|fication|fications)|densit(?:y|ies))\b",),
}

#: Words that mean a normal part, or only head a section: they request nothing and are understood.
NORMAL: Final = (
    r"(?:normal|clear|unremarkable|negative|within normal limits|intact|healthy)\b",
    r"well[- ](?:aerated|expanded|inflated)\b|stable (?:chest|exam\w*)",
    r"no (?:acute|active|significant|abnormal\w*|evidence|findings?|disease)\b",
    r"(?:findings?|impressions?|conclusions?|chest|technique|report)$",
    r"^(?:patient, )?(?:frontal )?(?:chest (?:radiograph|x-?ray)|radiograph of the chest)"
    r"(?:,| of a)?(?: patient)?$",
)


def compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern that matches any of ``patterns`` at a word's start."""
    return re.compile(r"(?<!\w)(?:" + "|".join(patterns) + ")")
