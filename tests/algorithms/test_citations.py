from __future__ import annotations

from genrl.registry import entries


def test_every_recipe_is_cited_and_no_two_papers_have_one_key() -> None:
    papers = {found.facts["paper"] for found in entries("algorithm").values() if found.origin.startswith("genrl.")}
    keys = [paper.bibtex().partition(",")[0] for paper in papers]
    assert len(set(keys)) == len(papers), sorted(keys)
