"""Train the evaluator of findings: real films alone, from ImageNet's EfficientNet-Lite2."""

from flows.training.film_recipe import Recipe, Stage

LABELS, MAPS = Stage(160, 700, 32, 8e-4), Stage(256, 500, 12, 5e-4)
RECIPE = Recipe("evaluator_lite2", "lite2", "evaluators", "experts", LABELS, MAPS, seed=37)
train = RECIPE.train
