"""Errors a user can act on: each message is a sentence that names the cure. The CLI prints them without a traceback."""


class GenrlError(Exception):
    """Base of every error that is the user's to mend.

    shared: whether every process of the run raises it, so that one of them may speak for all.
    """

    shared: bool = False


class ConfigError(GenrlError):
    """A key, a type or a combination of settings that cannot work; raised before weights are loaded where possible."""


class PluginError(GenrlError):
    """A plugin that does not load, or a name that is registered twice."""


class ModelError(GenrlError):
    """A model folder that is missing or a pipeline that cannot be trained."""


class PromptError(GenrlError):
    """A prompt file that is missing, empty or malformed."""


class RewardError(GenrlError):
    """A reward that raised, has no score for a picture, or answered with a wrong length, NaN, infinity or out of bounds."""


class CheckpointError(GenrlError):
    """A checkpoint that is missing, truncated or belongs to another run."""


class HubError(GenrlError):
    """An upload to the hub that failed, or that cannot succeed: no token, or another owner's repository."""


class TrainingError(GenrlError):
    """Training that cannot go on, such as several non-finite updates in a row."""


class MeasurementError(GenrlError):
    """A measurement that is not reported, because the machine was too noisy for it."""


class RunFolderError(GenrlError):
    """A folder that holds no run, or a file of a run that is damaged."""
