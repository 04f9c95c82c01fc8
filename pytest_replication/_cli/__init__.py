"""The verbs of the command line, a module each: ``add_parser`` declares one, ``run`` answers."""
