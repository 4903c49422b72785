"""What a run showed, for people: a table on the terminal, verdict.json, and one page with plots."""
