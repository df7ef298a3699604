"""Writing: drafts that save themselves, the check while one types, sending and taking back."""

from dataclasses import asdict
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from portal import errors
from portal.accounts.models import random_id
from portal.keys.middleware import in_background, signed_in
from portal.mail import directory, selectors, services
from portal.mail.content import DraftContent
from portal.mail.correspondents import correspondents
from portal.mail.forms import draft_content
from portal.mail.services.check import Check
from portal.mail.services.drafts import Attached, DraftTaken, TooMuch
from portal.mail.services.submit import NotYours, Refusal, Submitted
from portal.outbox.models import Precedence

ANSWERS = {"reply", "all", "forward"}
GONE = "This is on its way already; it can no longer be changed."


@require_safe
@signed_in
def new(request: HttpRequest) -> HttpResponse:
    """An empty draft, which exists once something is written; or one that answers a message, made by a worker."""
    draft_id = random_id()
    answered, how = request.GET.get("reply", ""), request.GET.get("how", "")
    if not answered:
        return _compose(request, draft_id, DraftContent(to=request.GET.get("to", "")))
    payload = {"delivery_id": answered, "how": how, "draft_id": draft_id, "actor": asdict(request.actor)}
    answer = request.vault.ask("start_answer", payload, timeout=selectors.WHOLE_TIMEOUT) if how in ANSWERS else {}
    if "full" in answer:
        return errors.page(request, errors.DRAFTS_FULL)
    if not answer:
        return errors.absent(request)
    return redirect("mail:draft", draft_id)


@require_safe
@signed_in
def draft(request: HttpRequest, draft_id: str) -> HttpResponse:
    """A draft of one's own. One that was sent leads to where its message is."""
    if selectors.steps(request.user, draft_id) is not None:
        return redirect("mail:on-its-way", draft_id)
    loaded = services.load_draft(request.vault, draft_id)
    if loaded is None:
        return _absent(request, draft_id)
    content, files, row = loaded
    return _compose(request, draft_id, content, files=files, saved_at=row.saved_at)


@require_POST
@signed_in
def save(request: HttpRequest, draft_id: str) -> HttpResponse:
    content = draft_content(request.POST)
    try:
        saved_at = services.save_draft(request.user.id, draft_id, content)
    except DraftTaken:
        return _taken(request, draft_id)
    if _by_script(request):
        return render(request, "mail/_saved.html", {"saved_at": saved_at})
    return redirect("mail:draft", draft_id)


@require_POST
@signed_in
def check(request: HttpRequest, draft_id: str) -> HttpResponse:
    """What would happen if this were sent now: chips, the label's reasons, one sentence."""
    content = draft_content(request.POST)
    checked = services.check(request.user, draft_id, content)
    return render(request, "mail/_check.html", _checked(content, checked) | {"draft_id": draft_id})


@require_POST
@signed_in
def attach(request: HttpRequest, draft_id: str) -> HttpResponse:
    """Files, sealed while they came in. A script sends them alone; a form sends the draft along, and may go on to a certificate."""
    script = _by_script(request)
    if not script:
        try:
            services.save_draft(request.user.id, draft_id, draft_content(request.POST))
        except DraftTaken:
            return _taken(request, draft_id)
    attached, refused = _attach(request, draft_id)
    if not script:
        return _onwards(draft_id, request.GET.get("certificate_for", ""))
    problem = "" if attached else _why_not(refused)
    context = {"files": attached, "draft_id": draft_id, "files_problem": problem}
    return render(request, "mail/_files.html", context, status=422 if problem else 200)


@require_POST
@signed_in
def detach(request: HttpRequest, draft_id: str, upload_id: str) -> HttpResponse:
    if not services.detach(request.user.id, draft_id, upload_id):
        return _absent(request, draft_id)
    return HttpResponse() if _by_script(request) else redirect("mail:draft", draft_id)


@require_http_methods(["GET", "POST"])
@signed_in
def send(request: HttpRequest, draft_id: str) -> HttpResponse:
    """Submits, or saves the draft of what is refused; the same form posted again is the same message."""
    if request.method == "GET":  # after signing in on the way
        return redirect("mail:draft", draft_id)
    content = draft_content(request.POST)
    outcome = _submit(request, draft_id, content)
    if isinstance(outcome, NotYours):
        return _absent(request, draft_id)
    if isinstance(outcome, Refusal):
        return _refused(request, draft_id, content, outcome)
    if not request.headers.get("HX-Request"):
        return redirect("mail:on-its-way", outcome.message_id)
    context = {"content": content, "marking": outcome.label, "piece": True, **_progress(request, outcome.message_id)}
    response = render(request, "mail/_sent.html", context)
    response.headers["HX-Replace-Url"] = context["url"]
    return response


@require_POST
@signed_in
def discard(request: HttpRequest, draft_id: str) -> HttpResponse:
    services.discard_draft(request.actor, request.user.id, draft_id)
    return redirect("mail:folder", "drafts")


@require_safe
@signed_in
def on_its_way(request: HttpRequest, message_id: str) -> HttpResponse:
    context = _progress(request, message_id)
    if context["steps"] is None:
        return _absent(request, message_id)
    return render(request, "mail/sent.html", context | {"too_late": "late" in request.GET})


@in_background
@require_GET
@signed_in
def steps(request: HttpRequest, message_id: str) -> HttpResponse:
    """The steps as a piece that asks for itself again every second until the last one is done."""
    context = _progress(request, message_id)
    if context["steps"] is None:
        return _absent(request, message_id)
    return render(request, "mail/_steps.html", context | {"with_undo": True})


@require_POST
@signed_in
def undo(request: HttpRequest, message_id: str) -> HttpResponse:
    """Takes a message back while it can be; its draft opens again."""
    taken_back = services.undo(request.actor, request.user, message_id)
    where = selectors.steps(request.user, message_id)
    if where is None:
        return _absent(request, message_id)
    if taken_back:
        return redirect("mail:draft", where.draft_id)
    return redirect(_progress(request, message_id)["url"] + "?late")


def _compose(
    request: HttpRequest,
    draft_id: str,
    content: DraftContent,
    *,
    files: list[Attached] | None = None,
    saved_at: object = None,
    problems: list[str] | None = None,
) -> HttpResponse:
    checked = services.check(request.user, draft_id, content)
    context = _checked(content, checked) | {
        "draft_id": draft_id,
        "files": files,
        "saved_at": saved_at,
        "problems": problems,
        "size_limit": settings.MESSAGE_MAX_SIZE,
        "text_limit": settings.DATA_UPLOAD_MAX_MEMORY_SIZE - 100_000,  # what else the form holds
        "suggestions": directory.suggestions(request.user),
        "outside": correspondents(request.user),
        "precedences": list(Precedence),
    }
    return render(request, "mail/compose.html", context, status=422 if problems else 200)


def _checked(content: DraftContent, checked: Check) -> dict[str, object]:
    people = {each.typed: each for each in checked.people}
    chosen = [each for each in checked.choices if each.classification == content.classification]
    return {
        "content": content,
        "check": checked,
        "marking": checked.label,
        "to": [people[each.typed] for each in checked.to if each.typed in people],
        "cc": [people[each.typed] for each in checked.cc if each.typed in people],
        "bcc": [people[each.typed] for each in checked.bcc if each.typed in people],
        "blocked": [each for each in checked.choices if each.blocked_by],
        "chosen": chosen[0] if chosen else None,
    }


def _refused(request: HttpRequest, draft_id: str, content: DraftContent, refusal: Refusal) -> HttpResponse:
    if not request.headers.get("HX-Request"):
        loaded = services.load_draft(request.vault, draft_id)
        return _compose(request, draft_id, content, files=loaded[1] if loaded else None, problems=refusal.problems)
    checked = services.check(request.user, draft_id, content)
    context = _checked(content, checked) | {"problems": refusal.problems, "draft_id": draft_id}
    response = render(request, "mail/_check.html", context, status=422)
    response.headers["HX-Retarget"] = "#outlook"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def _progress(request: HttpRequest, message_id: str) -> dict[str, object]:
    return {
        "message_id": message_id,
        "steps": selectors.steps(request.user, message_id),
        "url": reverse("mail:on-its-way", args=[message_id]),
    }


def _attach(request: HttpRequest, draft_id: str) -> tuple[list[Attached], str]:
    """(what was attached, why something was not)."""
    files, refused = request.FILES.getlist("files"), getattr(request, "upload_refused", "")
    if not files or refused:
        return [], refused
    try:
        attached = services.attach(request.vault, draft_id, files)
    except TooMuch:
        return [], "too-large"
    request.uploaded_objects.clear()  # from here on rows name them
    return attached, ""


def _submit(request: HttpRequest, draft_id: str, content: DraftContent) -> Submitted | Refusal:
    """With the files that came along, if the browser has no script to send them earlier."""
    files, refused = request.FILES.getlist("files"), getattr(request, "upload_refused", "")
    try:
        if refused:
            services.save_draft(request.user.id, draft_id, content)
            return Refusal([_why_not(refused)])
        outcome = services.submit(request.vault, request.actor, draft_id, content, files)
    except DraftTaken:
        return services.earlier(request.user, draft_id)
    except TooMuch:
        return Refusal([_why_not("too-large")])
    if files:
        request.uploaded_objects -= services.kept(files)  # the others go with the request
    return outcome


def _onwards(draft_id: str, certificate_for: str) -> HttpResponse:
    """Where a form goes whose draft is saved: back to it, or to where a certificate for this address can be added."""
    if not certificate_for:
        return redirect("mail:draft", draft_id)
    return redirect(f"{reverse('mail:certificate', args=[draft_id])}?{urlencode({'address': certificate_for})}")


def _absent(request: HttpRequest, draft_id: str) -> HttpResponse:
    services.note_refusal(request.actor, draft_id)
    return errors.absent(request)


def _taken(request: HttpRequest, draft_id: str) -> HttpResponse:
    if services.belongs_to_another(request.user, draft_id):
        return _absent(request, draft_id)
    if _by_script(request):
        return render(request, "mail/_saved.html", {"problem": GONE}, status=409)
    return redirect("mail:on-its-way", draft_id)


def _why_not(refused: str) -> str:
    if refused == "too-large":
        return f"That is too large: {settings.MESSAGE_MAX_SIZE // 1_000_000} MB is the most, everything together."
    return "No file arrived. Choose it again."


def _by_script(request: HttpRequest) -> bool:
    return bool(request.headers.get("HX-Request") or request.headers.get("X-Requested-With"))
