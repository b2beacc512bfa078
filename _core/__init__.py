"""Compiled kernels on arrays, and nothing above them.

Every function here checks shapes, releases the interpreter lock, and answers with a ``Status``;
none raises for a figure. Faces in ``crossmargin`` convert, allocate, call and raise.
"""
