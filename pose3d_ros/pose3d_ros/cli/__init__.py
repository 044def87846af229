"""The command `pose3d`: one file for each command, imported only when it is called."""
