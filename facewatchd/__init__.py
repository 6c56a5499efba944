"""
A daemon that groups the faces of a photo archive into a folder of links per person.
"""

__version__ = "0.1.0"
