"""Train the first finding expert: real films alone, from ImageNet's EfficientNet-Lite0."""

from flows.training.film_recipe import Recipe, Stage

LABELS, MAPS = Stage(160, 1300, 32, 8e-4), Stage(288, 900, 12, 5e-4)
RECIPE = Recipe("findings_lite0", "lite0", "experts", "evaluators", LABELS, MAPS, seed=11)
train = RECIPE.train
