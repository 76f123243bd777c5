"""The live page: a study while another process runs it, read from its directory only."""
