"""A language model that writes the prompts: trained by TRL on what the pictures are worth, and used beside a flow model.

PromptRL (arXiv:2602.01382) trains a language model to refine prompts together with the flow model that draws them. Here
TRL's own trainer trains the one, `genrl train` the other, and both are scored by the same rewards.
"""
