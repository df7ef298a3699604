"""Administration: who is here, invitations, roles, disabling. For administrators only."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from portal import errors
from portal.accounts import selectors, services
from portal.accounts.forms import InviteForm, RolesForm
from portal.accounts.models import RoleName, User
from portal.audit.services import Refused
from portal.keys.middleware import signed_in

ADMINISTRATORS = {RoleName.ADMINISTRATOR.value}


@require_GET
@signed_in(roles=ADMINISTRATORS)
def people(request: HttpRequest) -> HttpResponse:
    return _people_page(request, InviteForm())


@require_POST
@signed_in(roles=ADMINISTRATORS)
def invite(request: HttpRequest) -> HttpResponse:
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _people_page(request, form, status=400)
    invited = services.invite(actor=request.actor, **form.cleaned_data)
    if isinstance(invited, Refused):
        form.add_error(None, invited.reason)
        return _people_page(request, form, status=409)
    return _link_page(request, *invited)


@require_GET
@signed_in(roles=ADMINISTRATORS)
def person(request: HttpRequest, id: str) -> HttpResponse:
    user = selectors.person(id)
    return _person_page(request, user) if user else _nobody(request, id)


@require_POST
@signed_in(roles=ADMINISTRATORS)
def roles(request: HttpRequest, id: str) -> HttpResponse:
    user = selectors.person(id)
    if user is None:
        return _nobody(request, id)
    form = RolesForm(request.POST)
    if not form.is_valid():
        return _person_page(request, user, form=form, status=400)
    refused = services.change_roles(actor=request.actor, user=user, roles=form.cleaned_data["roles"])
    if refused:
        return _person_page(request, user, form=form, refused=refused, status=409)
    return redirect("accounts:person", id=user.id)


@require_POST
@signed_in(roles=ADMINISTRATORS)
def invite_again(request: HttpRequest, id: str) -> HttpResponse:
    user = selectors.person(id)
    if user is None:
        return _nobody(request, id)
    token = services.invite_again(actor=request.actor, user=user)
    if isinstance(token, Refused):
        return _person_page(request, user, refused=token, status=409)
    return _link_page(request, user, token)


@require_POST
@signed_in(roles=ADMINISTRATORS)
def set_active(request: HttpRequest, id: str, active: bool) -> HttpResponse:
    user = selectors.person(id)
    if user is None:
        return _nobody(request, id)
    refused = (services.enable if active else services.disable)(actor=request.actor, user=user)
    if refused:
        return _person_page(request, user, refused=refused, status=409)
    return redirect("accounts:person", id=user.id)


def _people_page(request: HttpRequest, form: InviteForm, *, status: int = 200) -> HttpResponse:
    search = request.GET.get("search", "").strip()
    context = {
        "form": form,
        "search": search,
        "people": selectors.people(search=search, after=request.GET.get("after", "")),
    }
    return render(request, "accounts/people.html", context, status=status)


def _person_page(
    request: HttpRequest,
    user: User,
    *,
    form: RolesForm | None = None,
    refused: Refused | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "person": user,
        "form": form or RolesForm(initial={"roles": sorted(user.role_names)}),
        "refused": refused,
        "open_invitation": selectors.open_invitation(user),
        "oneself": user.id == request.actor.person,
    }
    return render(request, "accounts/person.html", context, status=status)


def _link_page(request: HttpRequest, user: User, token: str) -> HttpResponse:
    """The answer to the POST itself, because the link exists nowhere else: not in a row, not in a session."""
    link = request.build_absolute_uri(reverse("keys:accept", args=[token]))
    context = {"person": user, "link": link, "days": services.INVITATION_LIFE.days}
    return render(request, "accounts/link.html", context)


def _nobody(request: HttpRequest, id: str) -> HttpResponse:
    """The page of absent things, with the one event that every refused question leaves."""
    services.refuse_unknown(actor=request.actor, id=id)
    return errors.absent(request)
