"""The command `pose3d`: one file a command, imported only when it is called."""
