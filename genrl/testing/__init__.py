"""The conformance suite: what every component owes the others, as checks that third parties run too.

`genrl check PLUGIN` runs it from the shell. In a plugin's own tests:

    from genrl.testing import assert_conforms, check_plugin

    def test_conforms():
        assert_conforms(check_plugin("my-plugin"))

A component that breaks a check on purpose says so, by the check's name, and why:

    exceptions: ClassVar[dict[str, str]] = {"keeps-the-marginals": "replaces noise by noise, whatever the step"}
"""

from genrl.testing.check import Check, NotApplicable, Result
from genrl.testing.suite import assert_conforms, check_component, check_entry, check_model, check_plugin, checks_for
from genrl.testing.toy import GaussianFlow, ToyModel, ToyNetwork

__all__ = [
    "Check",
    "GaussianFlow",
    "NotApplicable",
    "Result",
    "ToyModel",
    "ToyNetwork",
    "assert_conforms",
    "check_component",
    "check_entry",
    "check_model",
    "check_plugin",
    "checks_for",
]
