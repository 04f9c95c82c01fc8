"""The experiments of Somepalli et al. (CVPR 2023) on models and images of the user, one module each.

What is measured is apart from its figure. Samples go the one way of the gate, so that what an experiment
calls replicated is what a check would.
"""
