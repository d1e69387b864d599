"""Train the second finding expert: real films alone, from ImageNet's EfficientNet-Lite1."""

from flows.training.film_recipe import Recipe, Stage

LABELS, MAPS = Stage(160, 1300, 32, 8e-4), Stage(256, 500, 12, 5e-4)
RECIPE = Recipe("findings_lite1", "lite1", "experts", "evaluators", LABELS, MAPS, seed=23)
train = RECIPE.train
