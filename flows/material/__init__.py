"""The real data that trainings and evaluations read, and lesions simulated in it."""
