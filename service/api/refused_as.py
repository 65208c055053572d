"""Fields of which a wrong value has a code of its own in the catalogue, while the documented schema stays a schema."""

from typing import Any, Final

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from service.errors import ErrorCode

OUT_OF_RANGE: Final = ("greater_than_equal", "less_than_equal", "finite_number")


def refused_as(code: ErrorCode, *kinds: str) -> WrapValidator:
    """Give failures of these kinds of pydantic's (out of range, unless named) the error code.

    `service.errors.to_isl_error` reads it back. A value of the wrong type stays an ISL_VALIDATION_ERROR.
    """

    def validate(value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(value)
        except ValidationError as failed:
            [first, *_] = failed.errors(include_input=False, include_context=False)
            if not first["loc"] and first["type"] in (kinds or OUT_OF_RANGE):
                # As an argument: the message is a template, and braces in it would be read.
                raise PydanticCustomError(code.name, "{found}", {"found": first["msg"]}) from None
            raise

    return WrapValidator(validate)
