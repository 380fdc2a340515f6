"""Turns the weights of a sentence transformer into an ONNX graph, and checks the graph before anybody uses it.

It runs once, when the image is built. The server needs nothing of it, and no library for training.
"""
