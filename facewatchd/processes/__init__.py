"""
The program's own processes: how they are started, what they send each other, how one of them holds a state and the others reach
it. Of the program's modules only the errors are imported.
"""
