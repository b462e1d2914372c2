"""Runs a program of Cinder: run_cinder.py PROGRAM CONFIG [ARGUMENT...]

PROGRAM is cinder-volume, cinder-scheduler or cinder-manage. Debian's packages
of these would bring services of the whole machine; the code is in python3-cinder.
"""
import importlib
import sys

PROGRAMS = {
    'cinder-volume': 'cinder.cmd.volume',
    'cinder-scheduler': 'cinder.cmd.scheduler',
    'cinder-manage': 'cinder.cmd.manage',
}

name, config, *arguments = sys.argv[1:]
sys.argv = [name, '--config-file', config, *arguments]
sys.exit(importlib.import_module(PROGRAMS[name]).main())
