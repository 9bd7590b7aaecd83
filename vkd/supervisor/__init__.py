"""Supervision of guests and switches: pure decisions in small files, and thin trio shells around them.

Pure: :mod:`~vkd.supervisor.policy` (restart or give up), :mod:`~vkd.supervisor.lifecycle` (states),
:mod:`~vkd.supervisor.stages` (what the console says), :mod:`~vkd.supervisor.progress` (is it getting anywhere) and
:mod:`~vkd.supervisor.ladder` (how to stop).
"""
