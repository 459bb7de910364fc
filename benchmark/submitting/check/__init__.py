"""``beyond check``: what is wrong with a method's file, in a sentence a check, before anybody trains with it.

``metadata`` and ``imports`` read the file; ``trials`` run it on a small ``problem``, inside a sandbox (``sandboxed``
is the side that is trusted, ``worker`` the side that loads the file) or, for tests, in this process.
"""
