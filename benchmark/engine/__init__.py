"""All that can change a number: cutting, pictures, objectives, training, measuring."""
