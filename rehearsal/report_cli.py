"""`rehearse report`: what machines need to know of report.json."""

import json

import click

from rehearsal.reports.report_schema import report_schema


@click.group("report")
def report() -> None:
    """The reports of runs: schema."""


@report.command()
def schema() -> None:
    """Print the JSON Schema of report.json."""
    click.echo(json.dumps(report_schema(), indent=2))
