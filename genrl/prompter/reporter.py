"""What a person reads of the training of a prompt writer."""

from __future__ import annotations

from rich.markup import escape

from genrl.monitoring import Best
from genrl.prompter.folder import WRITER
from genrl.reporting import RunReporter


class PrompterReporter(RunReporter):
    """Closing words with the commands of a prompt writer. source: what the user called the flow model."""

    source = ""

    def conclude(self, step: int, finished: bool, best: Best | None = None, patience: int = 0) -> None:
        alarms = [f"{escape(alarm['name'])} (step {alarm['step']})" for alarm in self.alarms.rows()]
        if alarms:
            self.say(f"[bold red]Alarms: {', '.join(alarms)}.[/] What was measured: {self.alarms.path}")
        if not finished:
            self.say(
                f"Stopped after step {step} and saved. Continue with: [bold]genrl train-prompter --resume {self.folder}[/]"
            )
            return
        if self.first and self.last:
            self._gains(self.first, self.last)
        self.say(f"Writer: {self.folder / WRITER}   pictures: {self.folder / 'grids'}   numbers: {self.log.path}")
        self.say(f"Draw with it: [bold]genrl sample {self.source} --prompter {self.folder} --prompt ...[/]")

    def written(self, examples: list[tuple[str, str]]) -> None:
        """What becomes of a few held-out requests."""
        for request, prompt in examples:
            self.say(f"  [dim]{escape(request)}[/] -> {escape(prompt)}")
