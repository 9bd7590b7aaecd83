"""The process of one guest: a thin shell around the native machine, with a console, a control socket and an exit file.

It runs without an event-loop library and imports little, because there is one such process per guest.
"""
