"""A comparison on the terminal: the sentence, the table, and what is to be known besides."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.analysis.comparison import Comparison, Difference
from bench.views.comparison import many_table, notes, words
from bench.views.comparison.details import Details
from bench.views.comparison.few_sessions import advice
from bench.views.comparison.headline import sentences
from bench.views.comparison.one_table import empty_table, one_table
from bench.views.comparison.rows import groups, more_line
from bench.views.format import several
from bench.views.width import ByWidth


def comparison_table(
    comparisons: Sequence[Comparison], everything: bool = False, more: Sequence[Sequence[str]] = ()
) -> RenderableType:
    """Contenders against the first side that all share; `more` are further sentences on each of them.

    Of many scenarios some forty are shown, or `everything`.
    """
    if len(comparisons) == 1:
        one, said = comparisons[0], more[0] if more else ()
        return ByWidth(lambda width: Group(*_spaced(_one(one, everything, said, width))))
    return ByWidth(lambda width: Group(*_spaced(_many(comparisons, everything, more, width))))


def _spaced(parts: Iterable[RenderableType]) -> Iterator[RenderableType]:
    for position, part in enumerate(parts):
        if position:
            yield Text()
        yield part


def _one(
    comparison: Comparison, everything: bool, more: Sequence[str], width: int
) -> Iterator[RenderableType]:
    yield _side_names([comparison])
    yield _headline(sentences(comparison), more)
    if lines := list(advice(comparison)):
        yield Text("\n".join(lines))
    chosen = groups(comparison, everything)
    if chosen:
        details = Details(comparison)
        yield one_table(comparison, details, chosen, width)
        yield from _paragraphs([[more_line(chosen)]])
        yield from _paragraphs([[details.of_every_row]])
        yield from _paragraphs([list(notes.legend([comparison]))], "dim")
    yield from _paragraphs(
        [
            list(notes.overall_lines(comparison)),
            list(notes.quality_lines(comparison)),
            list(notes.reasons(comparison)),
            [*notes.only_lines(comparison, everything), notes.left_out_line(comparison.basis)],
            [notes.difference_line(comparison)],
        ]
    )
    yield from _differences(comparison, told=Details(comparison).settings_of_every_row)
    yield from _warnings(comparison)


def _many(
    comparisons: Sequence[Comparison], everything: bool, more: Sequence[Sequence[str]], width: int
) -> Iterator[RenderableType]:
    yield _side_names(comparisons)
    yield Text("\n").join(
        _headline(sentences(comparison, words.letters(place)), more[place] if more else (), "  ")
        for place, comparison in enumerate(comparisons)
    )
    yield from _paragraphs(dict.fromkeys(tuple(advice(comparison)) for comparison in comparisons))
    found = many_table.lines(comparisons)
    chosen = many_table.shown(comparisons, found, everything)
    if chosen:
        yield from many_table.many_tables(comparisons, chosen, width)
        hidden = len(found) - len(chosen)
        cut = f"… {several(hidden, 'more scenario')}: --format csv, or --full" if hidden else ""
        yield from _paragraphs([[cut]])
        yield from _paragraphs([list(notes.legend(comparisons))], "dim")
    for place, comparison in enumerate(comparisons):
        yield from _own(comparison, words.letters(place), everything)


def _own(comparison: Comparison, letter: str, everything: bool) -> Iterator[RenderableType]:
    """What is to be known of one of several contenders, below a heading; nothing where there is nothing."""
    paragraphs = [
        list(notes.quality_lines(comparison, letter)),
        list(notes.reasons(comparison, letter)),
        [*notes.only_lines(comparison, everything, letter), notes.left_out_line(comparison.basis, letter)],
    ]
    parts: list[RenderableType] = [
        *_paragraphs(paragraphs),
        *_differences(comparison, letter),
        *_warnings(comparison, letter),
    ]
    if parts:
        yield Text.assemble((f"{letter}: {comparison.b}", "bold"))
        yield from parts


def _side_names(comparisons: Sequence[Comparison]) -> Text:
    named = [("A", comparisons[0].a)]
    named += [(words.letters(place), comparison.b) for place, comparison in enumerate(comparisons)]
    text = Text()
    for number, (letter, name) in enumerate(named):
        text.append("\n" if number else "").append(f"{letter}: ", "bold").append(name)
    return text


def _headline(said: Sequence[str], more: Sequence[str], indent: str = "") -> Text:
    first, *others = said
    return Text.assemble((first, "bold"), *(f"\n{indent}{sentence}" for sentence in (*others, *more)))


def _paragraphs(found: Iterable[Sequence[str]], style: str = "") -> Iterator[Text]:
    for lines in found:
        if there := [line for line in lines if line]:
            yield Text("\n".join(there), style)


def _differences(
    comparison: Comparison, letter: str = "B", told: Collection[Difference] = ()
) -> Iterator[Table]:
    rows = notes.difference_rows(comparison, told)
    if not rows:
        return
    table = empty_table("What differs besides", None)
    for name in ("", "", "A", letter):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(Text(row[0], "dim"), *(Text(cell) for cell in row[1:]))
    yield table


def _warnings(comparison: Comparison, letter: str = "B") -> Iterator[Text]:
    lines = [notes.confounded_line(comparison), notes.apart_line(comparison.basis, letter)]
    lines += notes.change_sentences(comparison)
    if there := [line for line in lines if line]:
        yield Text("\n".join(there), "yellow")
