"""
The long-running process: its loop, its threads, its schedule, and what other processes may ask of it.
"""
