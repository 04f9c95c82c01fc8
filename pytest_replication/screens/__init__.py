"""Screens of text-to-image models, which need no index: does a prompt behave as memorised ones do?"""
