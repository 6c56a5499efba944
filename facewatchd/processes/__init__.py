"""
What passes between the program's own processes: how they are started, how one of them holds a state and the others reach it.
Imports nothing of ours but the errors.
"""
