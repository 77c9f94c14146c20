"""The table of contents of the training: `python -m train RECIPE.toml` or one of the commands below."""

import argparse
import json
import sys
from pathlib import Path


def _road(options: argparse.Namespace) -> None:
    from train import road

    out = options.out or Path("runs") / options.recipe.stem
    print(road.walk(options.recipe, options.data, out, until=options.until, max_steps=options.max_steps))


def _check_corpus(options: argparse.Namespace) -> None:
    from train import check_corpus, corpus

    entries = corpus.entries()
    found = [*check_corpus.breaches(entries), *check_corpus.lacking()]
    for line in found:
        print(line)
    print(json.dumps(check_corpus.measure(entries), indent=1))
    if found:
        sys.exit(f"{len(found)} breaches of the corpus guide.")


def _corpus_card(options: argparse.Namespace) -> None:
    from train import corpus_card

    print(corpus_card.write())


def _split(options: argparse.Namespace) -> None:
    from train import split

    print({name: len(ids) for name, ids in split.fix().items()})


def _draw(options: argparse.Namespace) -> None:
    from train import judging

    print(judging.draw(options.out), "pairs to be judged in", options.out)


def _preferences(options: argparse.Namespace) -> None:
    from train import preferences

    rows = preferences.read(options.files)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    print(json.dumps({"rows": len(rows), **preferences.won(options.files)}, indent=1))


def _encoder(options: argparse.Namespace) -> None:
    from train import encoder

    print(
        encoder.train(
            options.out or Path("runs/encoder"),
            start=options.start,
            epochs=options.epochs,
            near=options.near,
            together=options.together,
            order=options.order,
            layers=options.layers,
        )
    )


def _reranker(options: argparse.Namespace) -> None:
    from train import reranker

    print(json.dumps(reranker.build(options.encoder, options.out or reranker.FOLDER), indent=1))


def _risk_encoder(options: argparse.Namespace) -> None:
    from train import risk_encoder

    out = options.out or Path("runs/risk-encoder")
    if options.average:
        return print(risk_encoder.average(out, options.average))
    print(risk_encoder.train(out, start=options.start, epochs=options.epochs, learning_rate=options.learning_rate))


def _risk(options: argparse.Namespace) -> None:
    from train import risk

    print(json.dumps(risk.fit(options.encoder), indent=1))
    _safety(write=True)


def _safety(write: bool) -> None:
    from train import safety

    measured = safety.measure()
    print(safety.table(measured))
    if write:
        safety.write(safety.table(measured))
    if fallen := safety.below(measured):
        sys.exit("\n".join(["Fallen:", *fallen]))


def _languages(options: argparse.Namespace) -> None:
    from train import languages

    print(json.dumps(languages.fit(), indent=1))


def _publish(options: argparse.Namespace) -> None:
    from train import hub, publish
    from train.publish import EMBEDDED_FOLDER

    folder = options.out or EMBEDDED_FOLDER
    print(publish.publish(options.model, folder))
    if options.push_to_hub:
        print(hub.push(folder, options.push_to_hub, private=options.private))


def _seeds(options: argparse.Namespace) -> None:
    from train import seeds

    print(seeds.write(options.data, options.out or Path("runs/seeds")))


def _refine(options: argparse.Namespace) -> None:
    from train import refine

    print(refine.write(options.data, options.out or Path("runs/seeds")))


def _shapes(options: argparse.Namespace) -> None:
    from train import shapes

    print(shapes.write(options.data, options.out or Path("runs/seeds")))


def _intents(_: argparse.Namespace) -> None:
    from train import intents

    print(json.dumps(intents.fit(), indent=1))


def _generalise(_: argparse.Namespace) -> None:
    from train import generalise

    print(generalise.write())


def _pictures(_: argparse.Namespace) -> None:
    from train import pictures

    print(pictures.stages(), pictures.attention())


def _memory(options: argparse.Namespace) -> None:
    from train import memory

    print(memory.write())


def _generate_dialogues(options: argparse.Namespace) -> None:
    from train import generate_dialogues

    sys.exit(generate_dialogues.main(options))


def _evaluate(options: argparse.Namespace) -> None:
    if options.what == "safety":
        _safety(options.write)
        return
    from train import evaluate

    print(json.dumps(evaluate.COMMANDS[options.what](), indent=1, ensure_ascii=False))


def _bench(options: argparse.Namespace) -> None:
    from train import bench

    print(bench.run(options.quick))


def _dialogues_parser(commands) -> None:
    parser = commands.add_parser("generate-dialogues", help="dialogues by written commands from a chat server")
    parser.add_argument("--base-url", required=True, help="an OpenAI-compatible server; its key in THERAPIST_API_KEY")
    parser.add_argument("--model", default="default", help="the model's name there")
    parser.add_argument("--commands", type=int, default=100, help="how many commands are asked, earlier runs included")
    parser.add_argument("--out", type=Path, default=Path("runs/generated/dialogues.jsonl"))
    parser.add_argument(
        "--beside",
        type=Path,
        default=Path(__file__).parent / "corpus/dialogues.jsonl",
        help="repeat none of these either",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed picks other commands")
    parser.add_argument("--at-once", type=int, default=4, help="requests in flight")
    parser.add_argument("--timeout", type=float, default=120, metavar="S", help="seconds for one answer")
    parser.add_argument("--retries", type=int, default=4, help="more tries when the server is busy or does not answer")
    parser.set_defaults(run=_generate_dialogues)


def _risk_parsers(commands) -> None:
    reader = commands.add_parser("risk-encoder", help="fine-tune the encoder that reads danger")
    reader.add_argument("--out", type=Path)
    reader.add_argument("--start", type=Path, help="go on from this folder (default: multilingual-e5-small, packaged)")
    reader.add_argument("--epochs", type=float, default=3)
    reader.add_argument("--learning-rate", type=float, default=1.2e-4)
    reader.add_argument(
        "--average", type=Path, metavar="DIR", help="train nothing: the mean of --out and this training"
    )
    reader.set_defaults(run=_risk_encoder)
    risk = commands.add_parser("risk", help="fit the risk classifier, then evaluate safety")
    risk.add_argument("--encoder", type=Path, help="folder of a new encoder (default: the one that ships)")
    risk.set_defaults(run=_risk)


def _older_parsers(commands) -> None:
    seeds = commands.add_parser("seeds", help="the older projects' recipes on one base, as they were and repaired")
    seeds.add_argument("--data", type=Path, default=Path("../shared/data"), help="local copy of the public sources")
    seeds.add_argument("--out", type=Path, help="where trainings are kept and replies are written (default runs/seeds)")
    seeds.set_defaults(run=_seeds)
    intents = commands.add_parser("intents", help="learn what a message asks of the program itself")
    intents.set_defaults(run=_intents)
    generalise = commands.add_parser("generalise", help="what is lost on concerns and authors never seen")
    generalise.set_defaults(run=_generalise)
    for name, run, text in (
        ("refine", _refine, "drafting with the nearest reference reflections before the statement"),
        ("shapes", _shapes, "what start, depth, vocabulary and replay are worth to a small generator"),
    ):
        trial = commands.add_parser(name, help=text)
        trial.add_argument("--data", type=Path, default=Path("../shared/data"), help="local copy of the public sources")
        trial.add_argument("--out", type=Path, help="where `seeds` keeps its base and trainings (default runs/seeds)")
        trial.set_defaults(run=run)
    pictures = commands.add_parser("pictures", help="plot what every stage learned, and the attention of a reply")
    pictures.set_defaults(run=_pictures)


def _load(options: argparse.Namespace) -> None:
    from train import load

    print(load.run(options.people, options.minutes, options.flood))


def main(arguments: list[str]) -> int:
    if arguments and arguments[0].endswith(".toml"):
        arguments = ["recipe", *arguments]
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="RECIPE.toml | command")
    road = commands.add_parser("recipe", help="walk a recipe from raw data to a model, in resumable stages")
    road.add_argument("recipe", type=Path)
    road.add_argument("--data", type=Path, default=Path("../shared/data"), help="local copy of the public sources")
    road.add_argument("--out", type=Path, help="where the stages are kept (default runs/<recipe>)")
    road.add_argument("--until", help="stop after this stage")
    road.add_argument("--max-steps", type=int, default=-1, help="at most so many steps a stage")
    road.set_defaults(run=_road)
    commands.add_parser("check-corpus", help="measure the corpus against its guide").set_defaults(run=_check_corpus)
    commands.add_parser("corpus-card", help="count and plot the corpus into its card").set_defaults(run=_corpus_card)
    commands.add_parser("split", help="fix the corpus's splits").set_defaults(run=_split)
    draw = commands.add_parser("draw", help="draft replies for judges to read")
    draw.add_argument("out", type=Path)
    draw.set_defaults(run=_draw)
    preferences = commands.add_parser("preferences", help="turn choices downloaded from the page into judged rows")
    preferences.add_argument("files", type=Path, nargs="+")
    preferences.add_argument("--out", type=Path, default=Path("runs/preferences.jsonl"))
    preferences.set_defaults(run=_preferences)
    encoder = commands.add_parser("encoder", help="fine-tune the reranker's encoder")
    encoder.add_argument("--out", type=Path)
    encoder.add_argument("--start", type=Path, help="go on from this encoder (default: all-MiniLM-L6-v2)")
    encoder.add_argument("--epochs", type=float, default=1)
    encoder.add_argument("--near", type=int, help="at most so many triples of statement, good and rejected reply")
    encoder.add_argument("--together", type=int, help="at most so many pairs of statement and reply")
    encoder.add_argument("--order", type=int, help="at most so many pairs of a better and a worse draft")
    encoder.add_argument("--layers", type=int, help="train only so many of the last layers (default: everything)")
    encoder.set_defaults(run=_encoder)
    reranker = commands.add_parser("reranker", help="build bank and calibration, report on the test split")
    reranker.add_argument("--encoder", type=Path, help="folder of a new encoder (default: the one that ships)")
    reranker.add_argument("--out", type=Path, help="folder for it (default: what ships)")
    reranker.set_defaults(run=_reranker)
    _risk_parsers(commands)
    _older_parsers(commands)
    commands.add_parser("languages", help="learn to tell languages apart").set_defaults(run=_languages)
    publish = commands.add_parser("publish", help="make a trained stage the embedded model")
    publish.add_argument("model", type=Path, help="folder of a stage")
    publish.add_argument("--out", type=Path, help="another folder than that of the embedded model")
    publish.add_argument("--push-to-hub", metavar="OWNER/NAME", help="then upload it as one commit; token in HF_TOKEN")
    publish.add_argument("--private", action="store_true", help="make a new repository private")
    publish.set_defaults(run=_publish)
    commands.add_parser("memory", help="compute memory and time of larger models").set_defaults(run=_memory)
    _dialogues_parser(commands)
    evaluate = commands.add_parser("evaluate", help="measure what ships")
    evaluate.add_argument("what", choices=("generator", "replies", "reranker", "safety", "time"))
    evaluate.add_argument("--write", action="store_true", help="safety: put the tables into SAFETY.md")
    evaluate.set_defaults(run=_evaluate)
    bench = commands.add_parser("bench", help="measure speed and growth, write table and plots")
    bench.add_argument("--quick", action="store_true", help="few repetitions: a look, no figures to publish")
    bench.set_defaults(run=_bench)
    load = commands.add_parser("load", help="many people at once, a kill and a flood; a full run writes its report")
    load.add_argument("--people", type=int, default=50)
    load.add_argument("--minutes", type=float, default=5)
    load.add_argument("--flood", type=int, default=2000, help="requests")
    load.set_defaults(run=_load)
    options = parser.parse_args(arguments)
    options.run(options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
