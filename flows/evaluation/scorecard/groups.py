"""What a figure's group is: everything, an arm of a training, or a finding or subgroup of persons."""

#: Kinds of groups that a dataset is divided by.
SUBGROUPS = ("finding", "findings", "age", "sex", "view")


def subgroup_of(group: str) -> str | None:
    """The kind of subgroup that a group such as ``finding=effusion`` names; None for all, arms and others."""
    keys = [part.partition("=")[0].strip() for part in group.split(",") if "=" in part]
    return next((key for key in keys if key in SUBGROUPS), None)
