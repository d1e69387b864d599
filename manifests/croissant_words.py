"""What ``croissant.json`` says in words, and its JSON-LD context."""

from typing import Any

#: Croissant 1.1's own, with the vocabularies of responsible AI and of provenance.
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

#: How candidates became samples, with the build's own counts.
SAMPLED = (
    "Expert networks judged each of {candidates} candidates; filters rejected {rejected}, {failed} could "
    "not be made. First filter to say no: {reasons}. The manifest keeps all, with scores and thresholds."
)
#: And where those rejected were drawn again.
REDRAWN = " What a filter refused was drawn again with other noise: {draws}."
#: And of findings that are seldom accepted.
SELDOM = " Seldom accepted: {seldom}."

_BOTH = {
    "rai:dataAnnotationProtocol": (
        "No person annotated an image. Lesion masks are what the images were drawn from; lesion_agreement in "
        "the manifest says how well experts see each. Anatomy comes from a shape model or an expert network."
    ),
    "rai:dataUseCases": [
        "Research on methods, augmentation of training sets of real radiographs.",
        "Not for diagnosis, nor to judge a model: that takes real radiographs.",
    ],
    "rai:dataLimitations": (
        "Images are softer and tidier than real ones; small calcifications and fractures are often labelled "
        "without being visible; one lesion that no expert sees rejects a whole candidate, so that accepted "
        "samples have other shares than what was asked for (README.md: by finding, age, sex and view)."
    ),
    "rai:dataBiases": (
        "What models learned from decides how findings, bodies and exposures look; filters prefer what their "
        "experts recognise."
    ),
    "rai:dataSocialImpact": (
        "A model that is trained on these alone can do harm: lesions may resemble no disease."
    ),
}

#: Of images that show nobody.
CREATED: dict[str, Any] = {
    **_BOTH,
    "rai:dataCollection": (
        "None: all images were drawn by generative models from clinical text and masks that were drawn too."
    ),
    "rai:dataCollectionType": ["Others"],
    "rai:personalSensitiveInformation": [
        "None: no image shows a person. Copies of training images are looked for."
    ],
}

#: Of radiographs of real persons, as they are and edited.
EDITED: dict[str, Any] = {
    **_BOTH,
    "rai:dataCollection": (
        "Radiographs of real persons, given by whoever made this dataset; each stands as it is and edited by "
        "a generative model inside masks."
    ),
    "rai:dataCollectionType": ["Secondary Data analysis"],
    "rai:personalSensitiveInformation": [
        "Health: radiographs of real persons, with age, sex and findings where the sources told them.",
        "The terms under which the sources were given apply to every image.",
    ],
}
