"""Whether a rewritten prompt still asks for what was asked. Importing this package registers what it ships."""

from genrl.faithfulness.content_words import ContentWords
from genrl.faithfulness.contract import Faithfulness

__all__ = ["ContentWords", "Faithfulness"]
