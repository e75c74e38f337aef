"""Which explanation to believe: agreement, faithfulness, sanity checks, prompts and keywords."""
