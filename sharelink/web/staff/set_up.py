"""The first account, by the set-up link that the service printed at its start."""

from flask import Blueprint, Response, make_response, render_template

from sharelink.acts import joining
from sharelink.errors import InvalidInput
from sharelink.web.authentication import public_actor, signed_in_response
from sharelink.web.rate_limits import limited
from sharelink.web.staff.account_forms import SetUpForm, show_problems
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("set_up", __name__)


@blueprint.get("/set-up")
@limited("open", "GET")
def set_up_form() -> Response:
    """Show the form. The key is in the fragment, so nobody knows yet whether the link is good."""
    return _page(SetUpForm(formdata=None))


@blueprint.post("/set-up")
@limited("sign_in")
def set_up() -> Response:
    """Make the first account, and let it add its second factor before anything else."""
    form = SetUpForm()
    try:
        started = joining.set_up(
            current_unit_of_work(),
            public_actor(),
            link=form.key.data or "",
            name=form.name.data or "",
            email=form.email.data or "",
            password=form.password.data or "",
        )
    except InvalidInput as error:
        show_problems(form, error)
        return _page(form, 422)
    return signed_in_response(started, "/?welcome=1")


def _page(form: SetUpForm, status: int = 200) -> Response:
    separation = current_settings().separation_of_duties
    return make_response(render_template("staff/set_up.html", form=form, separation_of_duties=separation), status)
