"""Which explanation to believe: agreement, faithfulness, randomised weights, known evidence."""
