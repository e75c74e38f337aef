TEXTS = ("A fine and moving film.", "It was not a good film.", "A dull film.", "A good film!")
METHODS = ["attention", "input_x_gradient"]
