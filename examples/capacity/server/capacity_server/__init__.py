"""A model server whose capacity is known beforehand, so that whatever measures a capacity can be measured itself.

It stands in for a model: requests wait for one of a few workers and then take a fixed or an exponential time, by
sleeping (a waiting room of textbooks), by computing (a server that its CPU limit stops), or as a stream of tokens.
"""
