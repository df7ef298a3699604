"""``label show``, ``label decide`` and ``label marking``, and labels for messages to be made."""

from argparse import Namespace, _ArgumentGroup, _SubParsersAction
from collections.abc import Iterator

from secmail.cli import inputs
from secmail.cli.arguments import Parser, add_moment, add_report, command, described, many
from secmail.cli.failures import OK, REFUSED, Failure, concerning
from secmail.cli.inputs import small
from secmail.cli.output import print_json, print_lines
from secmail.cli.values import label_object
from secmail.errors import Malformed
from secmail.labels import (
    Category,
    Clearance,
    SecurityLabel,
    SecurityPolicy,
    TagCategory,
    clearance_marking,
    decide,
    marking,
    read_clearance,
    read_label,
)
from secmail.pem import blocks


def add(commands: "_SubParsersAction[Parser]") -> None:
    label = described(
        commands, "label", help="look at security labels and decide by them", example="secmail label show --policy spif.xml label.der"
    )
    of_label = label.add_subparsers(metavar="COMMAND", required=True)

    show = command(of_label, "show", run_show, help="show what a security label says", example="secmail label show --policy spif.xml label.der")
    _add_label_file(show)
    show.add_argument("--policy", metavar="SPIF", help="the security policy that names what the label has")
    add_report(show)

    decision = command(
        of_label,
        "decide",
        run_decide,
        help="decide whether a clearance allows to read what a label is on",
        example="secmail label decide --policy spif.xml --label label.xml --clearance ada.xml",
    )
    decision.add_argument("--policy", metavar="SPIF", required=True, help="the security policy: an XML SPIF")
    decision.add_argument("--label", metavar="FILE", required=True, help="the security label: DER, PEM or XML")
    decision.add_argument("--clearance", metavar="FILE", required=True, help="the clearance: DER, PEM or XML")
    add_moment(decision, "the moment of the decision")
    add_report(decision)

    mark = command(
        of_label,
        "marking",
        run_marking,
        help="print the marking of a security label or clearance",
        example="secmail label marking --policy spif.xml --language en label.xml",
    )
    _add_label_file(mark)
    mark.add_argument("--policy", metavar="SPIF", required=True, help="the security policy: an XML SPIF")
    mark.add_argument("--clearance", metavar="FILE", help="mark this clearance instead of a label")
    mark.add_argument("--language", metavar="LANG", default="en", help="the language of the marking (absent: en)")
    add_report(mark)


def _add_label_file(parser: Parser) -> None:
    parser.add_argument("file", metavar="LABEL", nargs="?", help="the security label: DER, PEM or XML (absent or -: standard input)")
    parser.add_argument("--label", metavar="FILE", help="the same as an option")


def run_show(arguments: Namespace) -> int:
    label = label_from(_label_file(arguments))
    policy = policy_from(arguments.policy) if arguments.policy else None
    if arguments.json:
        print_json(label_object(label), arguments.output)
    else:
        print_lines(_written(label, policy), arguments.output)
    return OK


def _written(label: SecurityLabel, policy: SecurityPolicy | None) -> Iterator[str]:
    yield f"policy: {label.policy}{f' {policy.name}' if policy and policy.oid == label.policy else ''}"
    yield f"classification: {_classification_name(label, policy)}"
    if label.privacy_mark is not None:
        yield f"privacy mark: {label.privacy_mark}"
    for each in label.categories:
        known = policy.category(each) if policy and policy.oid == label.policy else None
        written = f"{each.tag_set} {each.tag_type.name.lower()} {each.value}" if isinstance(each, Category) else each.type
        yield f"category: {f'{known.name} ({written})' if known else written}"


def run_decide(arguments: Namespace) -> int:
    policy, label = policy_from(arguments.policy), label_from(arguments.label)
    decision = decide(label, clearance_from(arguments.clearance), policy, inputs.moment(arguments.at))
    if arguments.json:
        print_json({"granted": decision.granted, "reason": decision.reason}, arguments.output)
    else:
        print_lines([f"{'granted' if decision else 'refused'}: {decision.reason}"], arguments.output)
    return OK if decision else REFUSED


def run_marking(arguments: Namespace) -> int:
    policy, name = policy_from(arguments.policy), arguments.clearance or _label_file(arguments)
    with concerning(name):
        if arguments.clearance:
            text = clearance_marking(clearance_from(name), policy, arguments.language)
        else:
            text = marking(label_from(name), policy, arguments.language)
    if arguments.json:
        print_json({"marking": text}, arguments.output)
    else:
        print_lines([text], arguments.output)
    return OK


def _label_file(arguments: Namespace) -> str:
    if arguments.file is not None and arguments.label is not None:
        raise Failure("one label: as FILE or with --label")
    return str(arguments.file or arguments.label or "-")


def _classification_name(label: SecurityLabel, policy: SecurityPolicy | None) -> str:
    if label.classification is None:
        return "none"
    known = policy.classification(label.classification) if policy and policy.oid == label.policy else None
    return f"{known.name} ({label.classification})" if known else str(label.classification)


# Files


def label_from(name: str) -> SecurityLabel:
    with concerning(name):
        return read_label(_unarmoured(small(name)))


def clearance_from(name: str) -> Clearance:
    with concerning(name):
        return read_clearance(_unarmoured(small(name)))


def policy_from(name: str) -> SecurityPolicy:
    with concerning(name):
        return SecurityPolicy.from_xml(small(name))


def _unarmoured(data: bytes) -> bytes:
    """The one block of a PEM file, whatever its label: nobody has registered one for labels and clearances."""
    if not data.startswith(b"-----BEGIN"):
        return data
    if len(found := blocks(data)) != 1:
        raise Malformed("not one PEM block")
    return found[0].der


# Labels for messages to be made


def add_label(group: _ArgumentGroup) -> None:
    group.add_argument("--label", metavar="FILE", help="a security label: DER, PEM or XML")
    group.add_argument("--policy", metavar="SPIF", help="the security policy, which --label must fit, or from which these make a label:")
    group.add_argument("--classification", metavar="NAME", help="its classification")
    many(group, "--category", "a category, TAG/NAME where the name alone is not clear", "NAME")
    group.add_argument("--privacy-mark", metavar="TEXT", help="its privacy mark")
    many(group, "--equivalent-label", "a label that means the same under another policy: DER, PEM or XML")


def label_of(arguments: Namespace) -> SecurityLabel | None:
    """The security label that the options describe; Failure if its policy does not allow it."""
    built = arguments.classification or arguments.category or arguments.privacy_mark
    if arguments.label and built:
        raise Failure("a label comes from --label or from --classification, --category and --privacy-mark")
    if built and not arguments.policy:
        raise Failure("--policy is needed to make a label")
    if not arguments.label and not built:
        return None
    policy = policy_from(arguments.policy) if arguments.policy else None
    label = label_from(arguments.label) if arguments.label or policy is None else _built(arguments, policy)
    if policy is not None and (complaint := policy.invalid_reason(label)):
        raise Failure(f"{arguments.label or arguments.policy}: {complaint}", REFUSED)
    return label


def _built(arguments: Namespace, policy: SecurityPolicy) -> SecurityLabel:
    value = None
    if arguments.classification:
        named = [each for each in policy.classifications if each.name == arguments.classification]
        if not named:
            raise Failure(f"--classification {arguments.classification}: {policy.name} has {', '.join(each.name for each in policy.classifications)}")
        value = named[0].value
    try:
        categories = tuple(_category(each, policy).category for each in arguments.category)
        return SecurityLabel(policy.oid, value, arguments.privacy_mark, categories)
    except ValueError as error:
        raise Failure(f"the label: {error}") from None


def _category(name: str, policy: SecurityPolicy) -> TagCategory:
    found = {
        each.category: each for tag in policy.tags for each in tag.categories if name in (each.name, f"{tag.name}/{each.name}")
    }
    if len(found) != 1:
        raise Failure(f"--category {name}: {'not clear, say TAG/NAME' if found else f'there is none in {policy.name}'}")
    return next(iter(found.values()))
