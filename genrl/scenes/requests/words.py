"""What people call the colours, shapes, numbers and sides of the world. Each word means one thing only."""

#: By the world's own words, which stand first.
COLOUR_WORDS = {
    "red": ("red", "scarlet", "crimson"),
    "green": ("green", "emerald", "jade"),
    "blue": ("blue", "navy", "cobalt"),
    "yellow": ("yellow", "golden", "lemon"),
    "purple": ("purple", "violet", "plum"),
    "cyan": ("cyan", "turquoise", "aqua"),
}
SHAPE_NOUNS = {
    "circle": ("circle", "disc", "ball", "dot"),
    "square": ("square", "box", "tile", "block"),
    "triangle": ("triangle", "pyramid", "wedge", "arrowhead"),
}
SHAPE_ADJECTIVES = {
    "circle": ("round", "circular"),
    "square": ("square", "boxy"),
    "triangle": ("triangular", "pointy"),
}
#: How a number stands before things, and before "of those" and "of them".
NUMBER_WORDS = {
    "two": (("two", "two"), ("2", "2"), ("a pair of", "a pair"), ("a couple of", "a couple")),
    "three": (("three", "three"), ("3", "3"), ("a trio of", "a trio"), ("a threesome of", "a threesome")),
    "four": (("four", "four"), ("4", "4"), ("a quartet of", "a quartet"), ("a foursome of", "a foursome")),
}
#: Prepositions that take an object, and phrases that point back to one that was named.
PREPOSITIONS = {
    "left of": ("left of", "to the left of", "on the left side of"),
    "right of": ("right of", "to the right of", "on the right side of"),
    "above": ("above", "over", "higher than"),
    "below": ("below", "under", "beneath", "lower than"),
}
BACKWARD = {
    "left of": ("to its left", "left of it", "on its left side"),
    "right of": ("to its right", "right of it", "on its right side"),
    "above": ("above it", "over it", "higher up"),
    "below": ("below it", "under it", "beneath it", "lower down"),
}
#: What stands before and behind and asks for nothing; {colour} is any colour's own word, which is not meant for the picture.
OPENERS = ("please draw", "draw", "put", "show me", "I'd like", "I want", "could you make", "give me", "paint", "we need")
CLOSERS = (
    "please",
    "thanks",
    "and nothing else",
    "on a plain ground",
    "for a poster",
    "for my {colour} notebook",
    "for the {colour} team",
)
