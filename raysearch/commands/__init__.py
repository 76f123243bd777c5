"""The commands, one file a family: parse, call the interface, print. No physics and no Ray here."""
