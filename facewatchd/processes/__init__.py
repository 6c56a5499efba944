"""
What passes between the program's own processes, and how they are started. Imports nothing of ours.
"""
