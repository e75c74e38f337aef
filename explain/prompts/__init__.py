"""Several prompts: compared, aligned, paired, searched for keywords, filled from templates."""
