"""The commands of the command line, one file each: `add` says what a command takes and what it runs."""
