"""Which version of Kenspeckle this is, for all who say so; knowing it needs nothing else."""

VERSION = "0.1.0"
