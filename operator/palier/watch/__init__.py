"""The watch after a promotion: does the world still look as it did when the version was released?"""
