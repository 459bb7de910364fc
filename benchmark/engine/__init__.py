"""All that can change a number: cutting, methods' building blocks, data, training, cost, cells."""
