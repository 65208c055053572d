"""Requests made from the OpenAPI document, valid ones and not: no answer is a 500, and each is as documented."""

from tempfile import TemporaryDirectory
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from service.app import build_app
from tests.unit.service.asking import call
from tests.unit.service.quiet import quiet_settings

EXAMPLES = 25  # of each route; ten times as many pass as well, and take about a minute
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


FOLDER = TemporaryDirectory()  # the routes are found when the tests are collected, before there is a tmp_path
APP = build_app(quiet_settings(ISL_DATABASE_URL=f"sqlite:///{FOLDER.name}/isl.db", ISL_PLOT_URL="http://127.0.0.1:9"))
APP.state.schema.check()


def _open_document() -> dict[str, Any]:
    """The document without keys: this app is open to anybody, and `test_access` is about them."""
    document: dict[str, Any] = APP.openapi()
    routes = {
        path: {method: {**each, "security": []} for method, each in methods.items()}
        for path, methods in document["paths"].items()
    }
    return document | {"paths": routes}


schema = schemathesis.openapi.from_dict(_open_document())


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,  # a failure here must not come and go
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_no_request_of_the_documents_gets_a_500(case: Any) -> None:
    wanted: Any = requests.Request(**case.as_transport_kwargs(base_url="http://isl.test")).prepare()
    content = wanted.body.encode() if isinstance(wanted.body, str) else wanted.body
    answer = call(APP, wanted.method, wanted.url, content, dict(wanted.headers))
    # There is no PLoT here: a 503 that says so is right. Everything else is there, and 500 is never right.
    is_without_plot = answer.status_code == 503 and "PLoT" in answer.json()["message"]
    case.validate_response(
        answer, checks=[each for each in CHECKS if not is_without_plot or each is not not_a_server_error]
    )
