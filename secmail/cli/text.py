"""The object of ``report`` as lines for people."""

from collections.abc import Iterator

from secmail.cli.values import Json


def lines(report: Json) -> Iterator[str]:
    yield ": ".join(filter(None, (report["verdict"], report["reason"])))
    if header := report["from"]["header"]:
        match = {True: ", as the signer's certificate says", False: ", who is not the signer", None: ""}
        yield f"from {header}{match[report['from']['matches_signer']]}"
    for number, layer in enumerate(report["layers"], start=1):
        yield f"layer {number}: {_layer(layer)}"
        yield from (f"  signer {_signer(each)}" for each in layer["signers"])
        yield from (f"  recipient {each['kind']}, {each['algorithm'] or 'unknown'}, {each['id'] or 'not named'}" for each in layer["recipients"])
    if report["label_state"] != "absent":
        yield f"label: {_label(report['label']) if report['label'] else report['label_state']}"
    yield from (f"equivalent label: {_label(each)}" for each in report["equivalent_labels"])
    if report["receipt_request_state"] != "absent":
        yield f"receipt request: {_request(report['receipt_request']) if report['receipt_request'] else report['receipt_request_state']}"
    if receipt := report["receipt"]:
        yield f"receipt of {receipt['signer']} for {receipt['content_identifier']}"
    yield from (f"expanded by the list {each['entity']} at {each['time']}" for each in report["ml_expansion_history"])
    yield from (f"{name}: {each['value']} ({each['protection']})" for name, each in report["headers"].items())


def _layer(layer: Json) -> str:
    return ", ".join(filter(None, (layer["kind"], layer["content_encryption"], layer["opened_with"] and f"opened with {layer['opened_with']}")))


def _signer(signer: Json) -> str:
    named = [signer["subject"] or "without a certificate", *signer["emails"], signer["status"], signer["reason"]]
    algorithm, digest = signer["signature_algorithm"], signer["digest_algorithm"]
    if algorithm == "RSA" and digest:  # the one name that leaves the digest to the other field (RFC 3370 section 3.2)
        algorithm = f"RSA with {digest}"
    return ", ".join(filter(None, [*named, algorithm, signer["signing_time"]]))


def _label(label: Json) -> str:
    shown = [label["policy"], f"classification {label['classification']}", label["privacy_mark"]]
    categories = [" ".join(map(str, each.values())) for each in label["categories"]]
    return ", ".join(filter(None, (*shown, *categories)))


def _request(request: Json) -> str:
    asked = request["from"] if isinstance(request["from"], str) else ", ".join(request["from"])
    return f"from {asked}, to {', '.join(address for entity in request['to'] for address in entity)}"
