"""The words of a radiograph's report: what names a finding, where, how much, and how surely.

Patterns are regular expressions on lower-case text. The scopes in which they act are those of
NegEx (Chapman et al., 2001) and ConText (Harkema et al., 2009); the word lists were written for
chest radiographs and chosen on the development half of Open-i (docs/parser.md).
"""

import re
from typing import Final

from synth.findings import Severity, Side, Zone

#: Words in which a finding's name means something else; they are taken out before findings are
#: looked for. Vessels, heart valves, spine, breasts and costal cartilage calcify too, fluid gathers
#: in other places, and air in soft tissue is no emphysema of the lung.
DECOYS: Final = (
    r"(?:(?:athero\w*|aort\w*|arch|vascular|vessels?|coronary|arter\w+|carotid|subclavian|mitral|"
    r"annul\w*|valv\w*|tendon\w*|ligament\w*|tracheal?|bronchial|cartilag\w*|costochondral|"
    r"chondral|soft tissues?|breasts?|thyroid|spleen|splenic|disc|abdom\w+|gallbladder|calcific)"
    r"[ /,]+(?:and |or |knob |wall |walls |arch |atherosclerotic |vascular )*calcifi\w+)",
    r"calcifi\w+ (?:\w+ )?(?:of|in|within|involving|along|at) (?:the )?(?:\w+ )?(?:aort\w+|arch|"
    r"vessels?|vasculature|coronary|mitral|annulus|trachea\w*|costo\w+|cartilag\w+|breasts?|"
    r"spleen|thyroid|shoulder|carotid\w*|arter\w+|knob)",
    r"calcifi\w+ (?:and \w+ |, \w+ )?(?:athero\w+ )?(?:and )?(?:thoracic )?(?:aort\w+|athero\w+|"
    r"arch|vessels?|arter\w+|plaques? (?:of|in|within) the aort\w+|mitral|costochondral|cartilag\w+|"
    r"tendin\w+|splenic)",
    r"aort\w*(?: [a-z]+){0,4} calcifi\w+|calcifi\w+(?: [a-z]+){0,4} aort\w*",
    r"calcifi\w+ (?:\w+ )?(?:gallstones?|abdomen|hemiabdomen)|calcifi\w+ in the (?:\w+ )?(?:hemi)?abdomen",
    r"pericardial (?:\w+ ){0,2}(?:effusions?|fluid)|joint effusions?|effusions? of the (?:knee|hip)",
    r"(?:subcutaneous|mediastinal|soft tissue|surgical|interstitial) emphysema",
    r"cystic fibrosis",
    r"mass effect|mass-like|muscle mass|body mass|breast mass(?:es)?|(?:soft tissue|chest wall) mass",
    r"(?:thyroid|breast|skin|schmorl'?s?) nod\w+",
    r"(?:spinal|vertebral|disc|endplate|interspace|wedge) collapse|collapse of (?:the )?vertebra\w*",
    r"fractured? (?:of )?(?:the )?(?:sternotomy |sternal )?(?:wires?|screws?|hardware|leads?|plate)",
    r"(?:wires?|sutures?|leads?|hardware) (?:\w+ ){0,3}fractured?",
    r"surgical scar\w*|skin scar\w*|bowel infiltr\w+",
    r"(?:peribronchial|bronchial wall|septal|wall|soft tissue|fissur\w+|stripe) thicken\w+",
)

_LUNG = r"(?:lungs?|pulmonary|lobes?|lobar)"

#: Finding to the patterns that name it, longer ones first.
NAMES: Final[dict[str, tuple[str, ...]]] = {
    "atelectasis": (
        r"(?:sub\s?segmental |segmental |discoid |platelike |plate-like |linear |band-like |"
        r"bandlike |compressive )*atelecta\w+",
        r"(?:lung |lobar |lobe )?volume loss|loss of (?:lung )?volume",
        r"(?:lung|lobar|lobe|partial|complete) collapse|collapse of (?:the )?(?:\w+ ){0,2}(?:lobe|lung)|"
        r"collapsed (?:lobe|lung)",
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
        r"(?:enlarged|enlargement of|dilated|increased|prominent)(?: \w+){0,2} (?:heart|cardiac "
        r"silhouette|cardiac shadow|cardiac contour|cardiomediastinal silhouette|heart size)(?! border)",
        r"(?:heart|cardiac)(?: (?:size|silhouette|shadow|contour|size and pulmonary vascularity))?"
        r"(?:,? (?:is|are|appears?|remains?|again|stable|now|at|the|to be|and|unchanged|top normal|"
        r"mildly|moderately|markedly|severely|slightly|borderline|somewhat|mild|moderate|minimally|"
        r"persistently|grossly|significantly|massively|prominent|within|size|in)){0,5} "
        r"(?:enlarge\w+|dilated|increased in size|borderline(?! normal)(?: in size)?)",
        r"(?:cardiac|heart) enlargement|enlarged (?:cardiac|heart)|big heart",
        r"(?:heart|cardiac silhouette)(?: (?:size|is|are|appears?|slightly|mildly|moderately|markedly|"
        r"\w+)){0,3} (?:large|big)\b|large heart|increase in (?:the )?heart size",
        r"borderline (?:heart|cardiac)(?: \w+)? ?size|heart size (?:is |\w+ )?(?:mildly |borderline )?"
        r"enlarged",
        r"cardiothoracic ratio (?:is )?(?:above|over|greater than) (?:0?\.5|50)",
    ),
    "consolidation": (
        r"consolidat\w+",
        r"(?:air[- ]?space|alveolar) (?:\w+ )?(?:diseases?|opaci\w+|process\w*|densit\w+|infiltrat\w+|"
        r"consolidat\w+)",
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
        r"fluid (?:\w+ )?(?:in|within|along|tracking) (?:the )?(?:\w+ )?(?:pleural|fissures?|pleura)",
    ),
    "emphysema": (
        r"(?:bullous |panlobular |centrilobular )?emphysem\w+",
        r"bulla\w?\b|bullous (?:\w+ )?(?:disease|changes?)|blebs?\b",
    ),
    "fibrosis": (
        r"fibro(?:sis|ses|tic)\b(?: (?:changes?|strands?|bands?|streaks?|scarring))?",
        r"(?:fibro\w*[ -])?(?:parenchymal |pulmonary |lung |linear )?(?:scars?|scarring|cicatri\w+)\b",
        r"pleur\w+[- ]?(?:parenchymal|peripheral) (?:scar\w*|fibro\w+)",
        r"honeycomb\w*",
    ),
    "fracture": (
        r"(?:rib |ribs |clavic\w+ |vertebral |compression |sternal |humer\w+ |bone |bony )*fractur\w+",
        r"(?:broken|fractured) (?:ribs?|clavicles?)",
    ),
    "mass": (
        rf"(?:{_LUNG} |hilar |suprahilar |perihilar |cavitary |spiculated )*mass(?:es)?\b(?: lesions?)?",
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

#: Words that mean a normal part; they request nothing and are understood.
NORMAL: Final = (
    r"\b(?:normal|clear|unremarkable|negative|within normal limits|intact|well[- ](?:aerated|expanded|"
    r"inflated)|healthy|stable (?:chest|exam\w*)|no (?:acute|active|significant|abnormal\w*|evidence|"
    r"findings?|disease))\b"
)

_NO = r"(?:no|not|nor|none|never|without|absen(?:t|ce of)|lacks?|lacking|denies|neither|w/o)"

#: What negates the findings after it.
NEGATION_BEFORE: Final = (
    rf"\b{_NO}\b(?! (?:only|longer|significant (?:interval )?change|interval change|change|certain|"
    r"excluded|increase|further|new))|\bno longer\b|\bno new\b|\bfree of\b|\bclear of\b|"
    r"\bnegative for\b|\brather than\b|\bresolution of\b|\bresolved\b(?! \w+$)|\bclearing of\b|"
    r"\bruled? out\b|\bremoval of\b|\binstead of\b|\bunlikely\b|\bfails? to (?:show|reveal)\b"
)
#: What negates the findings before it.
NEGATION_AFTER: Final = (
    r"\b(?:(?:is|are|was|were|has been|have been|can be|could be)? ?(?:not|no longer) (?:\w+ )?"
    r"(?:seen|identified|present|visuali[sz]ed|demonstrated|evident|appreciated|detected|noted|"
    r"observed|shown|visible|apparent|suspected|found)|(?:is|are|was|were) (?:absent|excluded|"
    r"ruled out|unlikely|resolved|gone)|(?:has|have) (?:\w+ )?(?:resolved|cleared|disappeared)|"
    r"(?:completely |now )?resolved$|absent$|unlikely|none$)\b"
)
#: What makes the findings after it uncertain.
UNCERTAIN_BEFORE: Final = (
    r"\b(?:possib\w+|may (?:\w+ )?(?:represent|be|reflect|indicate|relate)|may|might|could|"
    r"questionable|question(?: of)?|equivocal|suspect\w*|suggest\w*|concern(?:ing)? for|suspicious for|"
    r"suspicion (?:of|for)|(?:cannot|can ?not|can't|could not|not) (?:\w+ )?(?:exclude|rule out)|"
    r"(?:difficult|hard) to exclude|to exclude|exclude|rule out|r/o|(?:evaluat\w+|assess\w*) for|"
    r"(?:to|in) (?:identify\w*|detect\w*) |previously (?:seen|described|visuali[sz]ed|noted)|"
    r"versus|vs|differential|perhaps|unclear whether|if there is|query|risk of|predispos\w+ to|"
    r"not excluded|clinical (?:concern|suspicion|correlation)|history of|indication|"
    r"(?:correlate|follow-?up|monitor) for)\b|\?"
)
#: What makes the findings before it uncertain.
UNCERTAIN_AFTER: Final = (
    r"\b(?:(?:cannot|can ?not|can't|could not|not|difficult to)(?: \w+)? be (?:\w+ )?(?:excluded|ruled out)|"
    r"(?:is|are)? ?not (?:\w+ )?excluded|(?:is|are) (?:possible|questionable|suspected|questioned|"
    r"uncertain|a possibility|a consideration)|possible$|questionable$|suspected$|"
    r"(?:difficult|hard) to exclude|versus|vs|to be excluded)\b|\?"
)
#: Where the scope of a negation or an uncertainty ends.
TERMINATORS: Final = (
    r"\b(?:but|however|although|though|except|aside from|apart from|other than|besides|yet|while|"
    r"whereas|nevertheless|still|which|with (?:a|an|the|mild|small|"
    r"moderate|minimal|stable|left|right|bilateral)|and (?:a|an|there|mild|moderate|minimal|stable|"
    r"unchanged|the|is|are|has|have)|there (?:is|are))\b"
)

SIDES: Final[dict[Side, str]] = {
    "bilateral": r"\b(?:bilateral\w*|both|bi-?\s?(?:basilar|basal|apical|lateral)\w*|each|right and "
    r"left|left and right|throughout|diffusely)\b",
    "right": r"\b(?:right(?:-sided|ward)?|r|rul|rml|rll|middle lobe)\b(?! (?:heart|atri\w+|ventric\w+|"
    r"picc|ij|subclavian|internal jugular|port))",
    "left": r"\b(?:left(?:-sided|ward)?|l|lul|lll|lingula\w*)\b(?! (?:heart|atri\w+|ventric\w+|picc|ij|"
    r"subclavian|internal jugular|port))",
}
ZONES: Final[dict[Zone, str]] = {
    "upper": r"\b(?:upper|apex|apices|apical|biapical|bi-apical|rul|lul|suprahilar|superior)\b",
    "mid": r"\b(?:middle|mid|mid-?lung|midlung|midzone|lingula\w*|rml|perihilar|hilar|hilum|hila|"
    r"parahilar)\b",
    "lower": r"\b(?:lower|base|bases|basal|basilar|bibasilar|bibasal|bi-basilar|rll|lll|retrocardiac|"
    r"infrahilar|inferior|costophrenic|bilateral bases)\b",
}
SEVERITIES: Final[dict[Severity, str]] = {
    "severe": r"\b(?:severe\w*|large|marked\w*|massive\w*|extensive\w*|gross\w*|huge|advanced|big)\b",
    "moderate": r"\b(?:moderate\w*|medium(?:-sized)?)\b",
    "mild": r"\b(?:mild\w*|small\w*|minimal\w*|tiny|trace|slight\w*|minor|subtle|borderline|minute|"
    r"low-grade|punctate|early)\b",
}


def compiled(patterns: tuple[str, ...] | str) -> re.Pattern[str]:
    """One pattern that matches any of ``patterns``, at a word's start."""
    if isinstance(patterns, str):
        return re.compile(patterns)
    return re.compile(r"(?<![\w])(?:" + "|".join(patterns) + ")")
