"""``expand``: the mail list agent."""

from argparse import Namespace, _SubParsersAction
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from secmail.certificates import Certificate
from secmail.cli import inputs
from secmail.cli.arguments import Parser, add_input, add_keys, add_moment, add_output, command, many
from secmail.cli.failures import OK, Failure, concerning
from secmail.cli.keys import Keys, certificates, keys, readers
from secmail.cli.labels import clearance_from, policy_from
from secmail.cli.output import note, output
from secmail.cms.ess import GeneralNames, MLReceiptPolicy, MLReceiptPolicyKind
from secmail.cms.recipients import Recipient
from secmail.labels import Clearance, SecurityLabel, SecurityPolicy, decide
from secmail.maillist import MailList, expand
from secmail.paths import TrustStore

KINDS: dict[str, MLReceiptPolicyKind] = {"none": "none", "insteadof": "instead_of", "inadditionto": "in_addition_to"}
FORMS = (".der", ".xml", ".pem")


def add(commands: "_SubParsersAction[Parser]") -> None:
    parser = command(
        commands,
        "expand",
        run_expand,
        help="pass a message on to the members of a mail list (RFC 2634 section 4)",
        example="secmail expand --key list.pem --cert list.crt --trust ca.pem --member ada.crt --member bob.crt -o out.eml in.eml",
    )
    add_input(parser, "MESSAGE", "the message: .eml, DER or PEM; the last argument, behind --member too")
    parser.set_defaults(file=None)
    add_output(parser)
    parser.add_argument(
        "--member", metavar="CERTS", nargs="+", action="append", required=True, help="certificates of members; may be repeated, and hold several"
    )
    parser.add_argument("--policy", metavar="SPIF", help="the security policy by which members may have the message")
    parser.add_argument(
        "--clearances", metavar="DIR", help="the members' clearances: .der, .xml or .pem files named by address, SHA-256 of the certificate or the --member file"
    )
    parser.add_argument(
        "--receipt-policy", metavar="POLICY", help="none, insteadOf:ADDRESS,… or inAdditionTo:ADDRESS,… (RFC 2634 section 4.4)"
    )
    parser.add_argument("--owner", metavar="ADDRESS", help="whom to tell what goes wrong (absent: the list)")
    many(parser, "--former-cert", "a certificate the list had before, which counts when looking for loops", "CERTS")
    many(parser, "--list", "the address of a mail list whose expansion history is believed (absent: every verified signer's)", "ADDRESS")
    group = parser.add_argument_group("trust")
    many(group, "--trust", "trust anchors (absent: the self-signed certificates that come with the list's own)", "CERTS")
    add_moment(parser, "the moment certificates must be valid for, and of the expansion")
    add_keys(parser, "those of the list: the first that may sign signs")


def run_expand(arguments: Namespace) -> int:
    who, now = keys(arguments), inputs.moment(arguments.at)
    name, member_files = _message_and_members(arguments)
    signer = who.signer()
    own = (signer.certificate, *certificates(arguments.former_cert))
    mail_list = MailList(own, arguments.owner or _address(signer.certificate), _receipt_policy(arguments.receipt_policy))
    members = _members(member_files)
    admission = _Admission.by(arguments, members)
    with inputs.message(name) as source, concerning(name), output(arguments.output) as out:
        expansion = expand(
            source,
            out,
            mail_list=mail_list,
            members=list(members),
            signer=signer,
            keys=who.opening,
            trust=_trust(arguments, who),
            now=now,
            certificates=who.chain,
            lists=arguments.list or None,
            admits=admission.admits if admission else None,
        )
    note(f"for {len(expansion.members)} of {len(members)} members")
    return OK


def _message_and_members(arguments: Namespace) -> tuple[str, list[str]]:
    """``--member A B MESSAGE``: where nothing else names the message, the last of several names after --member does."""
    *groups, last = arguments.member
    name = arguments.file
    if name is None and len(last) > 1:
        *last, name = last
    return name or "-", [each for group in (*groups, last) for each in group]


def _members(names: Sequence[str]) -> dict[Certificate, str | None]:
    """The members, each with the name of its file, if that holds no other."""
    members: dict[Certificate, str | None] = {}
    for name in names:
        found = readers([name])
        members |= dict.fromkeys(found, Path(name).stem if len(found) == 1 else None)
    return members


def _trust(arguments: Namespace, who: Keys) -> TrustStore:
    return TrustStore(certificates(arguments.trust)) if arguments.trust else who.anchors


def _address(certificate: Certificate) -> str:
    return certificate.emails[0] if certificate.emails else certificate.subject


def _receipt_policy(text: str | None) -> MLReceiptPolicy | None:
    if text is None:
        return None
    kind, _, addresses = text.replace("=", ":").partition(":")
    try:
        entities = tuple(GeneralNames.of(each.strip()) for each in addresses.split(",") if each.strip())
        return MLReceiptPolicy(KINDS[kind.lower()], entities)
    except (KeyError, ValueError):
        raise Failure(f"--receipt-policy {text}: none, insteadOf:ADDRESS,… or inAdditionTo:ADDRESS,…") from None


class _Admission:
    """Whether members may have a message: their clearances by a policy, refused by default."""

    def __init__(self, policy: SecurityPolicy, folder: Path, members: Mapping[Certificate, str | None], now: datetime) -> None:
        self._policy, self._folder, self._members, self._now = policy, folder, members, now

    @classmethod
    def by(cls, arguments: Namespace, members: Mapping[Certificate, str | None]) -> "_Admission | None":
        if arguments.policy is None and arguments.clearances is None:
            return None
        if arguments.policy is None or arguments.clearances is None:
            raise Failure("--policy and --clearances go together")
        folder = Path(arguments.clearances)
        if not folder.is_dir():
            raise Failure(f"{folder}: no folder")
        return cls(policy_from(arguments.policy), folder, members, inputs.moment(arguments.at))

    def admits(self, labels: Sequence[SecurityLabel], member: Recipient) -> bool:
        """Every label of the message must allow it; without any there is nothing that does."""
        clearance = self._clearance(member.certificate)
        decisions = [decide(label, clearance, self._policy, self._now) for label in labels or (None,)]
        refused = next((each for each in decisions if not each), None)
        if refused is not None:
            note(f"left out: {_address(member.certificate)}: {refused.reason}")
        return refused is None

    def _clearance(self, certificate: Certificate) -> Clearance | None:
        """Addresses come from certificates, so one that is no plain file name is passed over."""
        names = [*certificate.emails, *map(str.casefold, certificate.emails), certificate.fingerprint.hex(), self._members[certificate]]
        plain = [each for each in names if each and "/" not in each and "\0" not in each]
        paths = (self._folder / f"{name}{form}" for name in plain for form in FORMS)
        found = next((path for path in paths if path.is_file()), None)
        return clearance_from(str(found)) if found else None
