"""What of a sentence was not understood: the words left when all that is known is taken away.

A case is called normal only where nothing is left. So the words here say no finding, whatever stands beside
them; any other word may: another illness, a device, a foreign language, a misspelt finding.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

#: Words of grammar, of the film, of the chest's parts, of health, and of comparison.
_KNOWN: Final = frozenset(
    """
    a about above absent acceptable active acute adequate adequately aerated after again age aged airway
    airways all allow allowing along also although an and anterior anterolateral anteroposterior any aorta
    aortic ap apart apex apical apices appear appearance appeared appearing appears appropriate are area
    areas artery as aside aspect at available average away basal base bases basilar be because been being
    below beneath beside besides between bilateral bilaterally body bone bones bony borderline both boy
    breath bright bronchi bronchovascular bronchus but by caliber can cannot cardiac cardio
    cardiomediastinal cardiophrenic cardiopulmonary cardiothoracic carina central centrally certain change
    changed changes chest clavicle clavicles clean clear clearly close cm compared comparison complete
    completely conclusion configuration considered consist consistent consists contour contours costophrenic
    could current currently definite demonstrate demonstrated demonstrates demonstrating described detected
    diaphragm diaphragmatic diaphragms did discrete distinct distribution do does due during each eighth
    either else elsewhere entire entirely erect especially essentially evaluated evaluation evenly evidence
    evident exam examination examinations exams except exists expanded expected exposure faint female few
    fields fifth film films finding findings fine first fissure fissures focal focally for fourth fractional
    free from frontal fully further general generally gentleman girl given good great grossly habitus had
    has have having he healthy heart hemidiaphragm hemidiaphragms hemithorax her here hila hilar hilum his
    history however identified if image images imaging impression in including indicate indicated inflated
    inspiration inspiratory intact interval into involving is it its itself just lack lady large lateral
    left like likely limit limited limits lingula lingular little lobe lobes located location look looks
    lower lung lungs made maintained male man margins markings may measured measures measuring medial
    mediastinal mediastinum medium mid middle midline midlung might mild mildly minimal minimally minor mm
    moderate moderately more most much near nearly negative neither new newly next ninth no none nor normal
    normally not note noted now obtained obvious of old older on one only onto or osseous other otherwise
    out outline outlines over overall overlying pa paratracheal parenchyma parenchymal part partially
    particularly patent patient pattern performed perfusion perihilar peripheral person pleura pleural
    pneumo portable position possible posterior posteroanterior posterolateral presence present previous
    previously prior probably projection pulmonary quality quite radiograph radiographic radiographically
    radiographs rather ray rays read reading recent region regions related relative relatively remain
    remained remaining remains report reported represent represented represents resolved reveal reveals
    review rib ribcage ribs right rotated rotation round rounded same satisfactory saw say second section
    see seen seventh several severe severely shape shaped sharp she should show showed showing shown shows
    side sided sides silhouette silhouettes similar simple since single site sites sixth size sized sizes
    skeletal skeleton slender slight slightly small smaller so soft some space spaces specific specifically
    spine stable standing status sternum still stomach structure structures studies study subject subtle
    such suggest suggests supine symmetric symmetrical symmetrically technique tenth than that the their
    them then there therefore these they third this thoracic thorax those though three through throughout
    time times tiny tissue tissues to today together too top toward towards trace trachea tracheal two type
    typical unaltered unchanged under unilateral unless unremarkable until up upon upper upright use used
    using usual vascular vascularity vasculature versus vertebra vertebrae vertebral very vessel vessels via
    view viewed views visible visualised visualized volume volumes vs wall walls was we well were when where
    whether which while who whole will with within without woman would x xray year years yet yo yr yrs zone
    zones
    """.split()  # noqa: SIM905 - words are read better as text
)
#: Words that grade or compare a finding, where one is named; alone they speak of something unnamed.
_OF_FINDINGS: Final = frozenset(
    """
    abnormal abnormalities abnormality decrease decreased diffuse diffusely disease diseases extensive huge
    improved improvement improving increase increased larger multiple numerous persistent persists process
    prominent resolution scattered shadow shadows worse worsened worsening
    """.split()  # noqa: SIM905
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def residue(
    sentence: str, known: Iterable[tuple[int, int]], named: bool, is_denied: Callable[[int, int], bool]
) -> tuple[str, ...]:
    """The words of a lower-case sentence that nothing explains, in order.

    ``known``: (start, end) of what was understood; ``named``: whether a finding is among it. A word that
    ``is_denied`` (start, end), as the unknown one of "no oedema", says nothing that is there.
    """
    left, vocabulary = list(sentence), _KNOWN | _OF_FINDINGS if named else _KNOWN
    for start, end in known:
        left[start:end] = " " * (end - start)
    return tuple(
        word.group()
        for word in _WORD.finditer("".join(left))
        if not all(part in vocabulary for part in re.split(r"['’-]", word.group()) if len(part) > 1)
        and not is_denied(*word.span())
    )
