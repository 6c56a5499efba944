"""
Everything that can be asked of the program: one operation each, with typed parameters and a typed result. The command line and
the control socket look here, and one place decides which process carries one out (`client`).
"""
