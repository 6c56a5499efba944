"""
Everything that can be asked of the program: one operation each, with typed parameters and a typed result. The command line and
the control socket look here, and nobody else decides who carries one out (`client`).
"""
