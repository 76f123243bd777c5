"""The packed trainer: K independent networks trained as one batch of matrix products.

The networks differ in seed, rows, learning rate, weight decay, beta1 and dropout; they share layer
sizes, batch size and number of epochs.
"""
