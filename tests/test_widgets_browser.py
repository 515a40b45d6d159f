"""The viewer in a browser: what is on the screen is what the cursor says, read from the pixels; keys, filters."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numbered import CLIPS, FRAMES, IS_FILM, LOOK, READ, make_numbered, number_of, read_back, said_of
from playwright.sync_api import Page

from sacd.cohort import Cohort
from sacd.cohort.remarks import Remarks
from sacd.widgets.offline import MARK, head, player
from sacd.widgets.viewing import Viewing, listed, named_runs

MARKUP = "<img src=x onerror=alert(1)>"
Live = Callable[[Viewing], Page]
SETTLED = "() => !['seeking', ''].includes(document.querySelector('.sacd-viewer').dataset.state)"
SHOW = "([recording, clips]) => clips.forEach((clip) => heard.forEach((f) => f({ kind: 'show', recording, clip }, [])))"
# What it says at once when a moment of the clip is asked for.
PRESS = """
(time) => {
  const traces = document.querySelector(".traces"), box = traces.getBoundingClientRect();
  const clientX = box.left + 116 + time / 30 * (box.width - 126);
  traces.dispatchEvent(new PointerEvent("pointerdown", { clientX, clientY: box.top + 60, bubbles: true }));
  return [document.querySelector(".sacd-viewer").dataset.state, document.querySelector(".time b").textContent];
}
"""
# Looks at every picture of the screen while the viewer plays, until some frames have passed (20 s at the most).
WATCH = f"""
(frames) => new Promise((done) => {{
  const look = {LOOK};
  const seen = [], begun = performance.now();
  const each = () => {{
    seen.push(look());
    const passed = new Set(seen.map((one) => one.frame)).size;
    if (passed < frames && performance.now() - begun < 20000) requestAnimationFrame(each); else done(seen);
  }};
  requestAnimationFrame(each);
}})
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("numbered") / "cohort"
    make_numbered(path)
    return path


@pytest.fixture
def cohort(made: Path) -> Cohort:
    (made / "remarks.tsv").unlink(missing_ok=True)
    return Cohort.open(made)


def viewing_of(cohort: Cohort, clips: list[tuple[str, int]] | None = None, models: bool = True, **more) -> Viewing:
    said = named_runs(said_of(cohort) if models else None)
    walk = listed(cohort, clips, said)
    return Viewing(cohort, walk, said, remarks=Remarks(cohort.path), reader="AB", **more)


def go(page: Page, recording: str, clip: int) -> None:
    page.evaluate(SHOW, [recording, [clip]])
    page.wait_for_selector(f".sacd-viewer[data-recording='{recording}'][data-clip='{clip}']")


def seek(page: Page, time: float) -> dict:
    """Press into the traces at a time of the clip; what is said and shown then."""
    box = page.locator(".sacd-viewer .traces").first.bounding_box()
    page.mouse.click(box["x"] + 116 + time / 30 * (box["width"] - 126), box["y"] + 60)
    page.wait_for_function(SETTLED)
    return page.evaluate(LOOK)


def focus(page: Page) -> None:
    page.locator(".sacd-viewer").focus()


def clip_of(page: Page) -> tuple[str, int]:
    root = page.locator(".sacd-viewer")
    return root.get_attribute("data-recording"), int(root.get_attribute("data-clip"))


def test_the_picture_is_that_of_the_cursor_at_twenty_seeks(live: Live, cohort: Cohort) -> None:
    page = live(viewing_of(cohort))
    go(page, "plain", 2)
    times = cohort["plain"].frame_times[2] - 60
    for time in np.random.default_rng(0).uniform(0.1, 29.9, 20):
        look = seek(page, time)
        frame = int(np.abs(times - time).argmin())
        assert read_back(look["grey"]) == number_of(1, 2, frame) and look["frame"] == str(frame), time
        assert float(look["time"]) == times[frame] and look["state"] == "paused"


def test_the_cursor_is_the_band_for_which_the_picture_is_the_nearest(live: Live, cohort: Cohort) -> None:
    """Read from the cursor's own pixels; the time label and the number of the picture say the same."""
    page = live(viewing_of(cohort))
    go(page, "plain", 2)
    times = cohort["plain"].frame_times[2] - 60
    look = seek(page, 14.0)
    frame = int(look["frame"])
    columns = page.evaluate("""() => {
      const canvas = document.querySelector(".traces .over");
      const row = canvas.getContext("2d").getImageData(0, 40, canvas.width, 1).data;
      const on = [...Array(canvas.width).keys()].filter((x) => row[4 * x + 3] > 20);
      return [on[0], on[on.length - 1] + 1, canvas.width];
    }""")
    band = [(times[frame - 1] + times[frame]) / 2, (times[frame] + times[frame + 1]) / 2]
    wanted = [116 + at / 30 * (columns[2] - 126) for at in band]
    np.testing.assert_allclose(columns[:2], wanted, atol=1.5)
    seconds = 60 + times[frame]
    label = page.locator(".sacd-viewer .time").inner_text()
    # The night began a minute before midnight.
    assert f"00:00:{seconds - 60:05.2f}" in label and f"picture {frame + 1} of {FRAMES}" in label
    assert "clip 2 · 00:00:00" in page.locator(".bar").inner_text()


@pytest.mark.parametrize("film", [False, True], ids=["frames", "film"])
def test_while_playing_the_picture_is_that_of_the_cursor(live: Live, cohort: Cohort, film: bool) -> None:
    page = live(viewing_of(cohort))
    go(page, "filmed", 0)
    focus(page)
    if film:
        page.keyboard.press("p")
        page.wait_for_function(IS_FILM)
        page.wait_for_function(SETTLED)
    page.locator("select[title=speed]").select_option("1" if film else "2")
    focus(page)
    page.keyboard.press("Space")
    looks = [look for look in page.evaluate(WATCH, 5) if look["state"] == "playing" and look["clip"] == "0"]
    page.keyboard.press("Space")
    frames = [int(look["frame"]) for look in looks]
    assert frames == sorted(frames) and len(set(frames)) >= 4
    for look in looks:
        assert read_back(look["grey"]) == (int(look["frame"]) if film else number_of(0, 0, int(look["frame"])))
    page.wait_for_selector(".sacd-viewer[data-state=paused]")
    look = page.evaluate(LOOK)
    assert read_back(look["grey"]) == (int(look["frame"]) if film else number_of(0, 0, int(look["frame"])))


def test_through_vp9_the_picture_is_that_of_the_cursor_at_twenty_seeks(live: Live, cohort: Cohort) -> None:
    page = live(viewing_of(cohort))
    go(page, "filmed", 1)
    focus(page)
    page.keyboard.press("p")
    page.wait_for_function(IS_FILM)
    page.wait_for_function(SETTLED)
    # Until the picture has come it says so, and the time is still that of the old one.
    before = page.locator(".time b").inner_text()
    assert page.evaluate(PRESS, 20.0) == ["seeking", before]
    for time in np.random.default_rng(1).uniform(0.1, 29.9, 20):
        look = seek(page, time)
        if 10.99 < time < 14.93:
            assert look["state"] == "no video"
        elif not 10.9 < time < 15.0:
            assert look["state"] == "paused"
            moment = (read_back(look["grey"]) - 300) / 10
            assert abs(moment - time) < 0.06 and float(look["time"]) == pytest.approx(moment, abs=1e-6), time


def test_a_gap_shows_no_video_never_the_nearest_picture(live: Live, cohort: Cohort) -> None:
    """In the frames that were held over a gap, and in a film that lost some; while it plays over the gap too."""
    page = live(viewing_of(cohort))
    go(page, "plain", 5)
    assert seek(page, 12.0)["state"] == "no video"
    assert page.locator(".notice").inner_text() == "no video at this moment"
    assert page.locator(".bar").inner_text().count("video gap") == 1
    assert seek(page, 20.0)["state"] == "paused" and not page.locator(".notice").is_visible()
    go(page, "filmed", 1)
    focus(page)
    page.keyboard.press("p")
    page.wait_for_function(IS_FILM)
    assert seek(page, 10.4)["state"] == "paused"
    page.keyboard.press("Space")
    page.wait_for_selector(".sacd-viewer[data-state='no video']")
    assert page.locator(".notice").is_visible()
    page.keyboard.press("Space")


def test_a_film_plays_on_from_where_it_was_put_also_in_a_gap(live: Live, cohort: Cohort) -> None:
    """The second clip's film has no picture at its begin, so that what is cut out begins in the clip before."""
    page = live(viewing_of(cohort))
    for clip, gap, after in ((1, 13.0, 450), (2, 0.5, 620)):
        go(page, "filmed", clip)
        focus(page)
        if clip == 1:
            page.keyboard.press("p")
        page.wait_for_function(IS_FILM)
        assert seek(page, gap)["state"] == "no video"
        page.keyboard.press("Space")
        page.wait_for_selector(".sacd-viewer[data-state=playing]")
        page.keyboard.press("Space")
        page.wait_for_selector(".sacd-viewer[data-state=paused]")
        look = page.evaluate(LOOK)
        number = read_back(look["grey"])
        assert after <= number < after + 20 and float(look["time"]) == pytest.approx(number / 10 - 30 * clip)


def test_a_film_opens_at_the_begin_of_its_clip(live: Live, cohort: Cohort) -> None:
    page = live(viewing_of(cohort))
    focus(page)
    page.keyboard.press("p")
    go(page, "filmed", 2)
    page.wait_for_function(IS_FILM)
    page.wait_for_function(SETTLED)
    assert page.evaluate(LOOK)["state"] == "no video"
    assert page.locator(".time b").inner_text() == "00:00:00.00"


def test_pausing_on_a_picture_taken_before_the_clip_stays_on_it(live: Live, tmp_path: Path) -> None:
    """The first picture may be the nearest at the clip's begin, and yet be a little older."""
    path = tmp_path / "early"
    make_numbered(path, film=False)
    file = path / "recordings" / "plain" / "frame_times.npy"
    times = np.load(file)
    times[2, 0] = 59.6
    np.save(file, times)
    page = live(viewing_of(Cohort.open(path)))
    go(page, "plain", 2)
    focus(page)
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    look = page.evaluate(LOOK)
    assert (look["state"], look["frame"]) == ("paused", "0") and float(look["time"]) == pytest.approx(-0.4)


def test_without_eeg_the_pictures_are_there(live: Live, cohort: Cohort) -> None:
    file = cohort["plain"].path / "eeg.npy"
    aside = file.rename(file.with_suffix(".aside"))
    try:
        page = live(viewing_of(cohort))
        go(page, "plain", 2)
        look = seek(page, 5.0)
        assert read_back(look["grey"]) == number_of(1, 2, int(look["frame"]))
    finally:
        aside.rename(file)


def test_keys_walk_through_clips_and_are_inert_while_typing(live: Live, cohort: Cohort) -> None:
    page = live(viewing_of(cohort))
    focus(page)
    for key, where in (
        ("ArrowRight", "filmed 1"), ("n", "filmed 2"), ("ArrowRight", "plain 0"), ("b", "filmed 2"),
        ("ArrowLeft", "filmed 1"),
    ):
        page.keyboard.press(key)
        recording, clip = where.split()
        page.wait_for_selector(f"[data-recording={recording}][data-clip='{clip}']")
    gain = page.locator(".settings b").inner_text()
    page.keyboard.press("ArrowUp")
    assert page.locator(".settings b").inner_text() != gain
    page.locator("input[type=text]").click()
    page.keyboard.type("n w 1 ?")
    assert clip_of(page) == ("filmed", 1) and page.locator("input[type=text]").input_value() == "n w 1 ?"
    assert not page.locator(".help").is_visible() and page.evaluate("window.sent.every((one) => one.kind !== 'remark')")
    focus(page)
    page.keyboard.press("?")
    assert page.locator(".help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator(".help").is_visible()
    focusable = page.locator(".sacd-viewer, .sacd-viewer :is(button, input, select)")
    assert focusable.evaluate_all("(all) => all.every((one) => one.hasAttribute('data-lm-suppress-shortcuts'))")


def test_shift_and_arrow_go_to_errors_of_the_model_shown(live: Live, cohort: Cohort) -> None:
    page = live(viewing_of(cohort, [("plain", clip) for clip in range(CLIPS["plain"])]))
    focus(page)
    for key, clip in (("Shift+ArrowRight", 1), ("Shift+ArrowRight", 4), ("Shift+ArrowLeft", 1)):
        page.keyboard.press(key)
        page.wait_for_selector(f"[data-clip='{clip}']")
    page.keyboard.press("m")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_selector("[data-clip='3']")


def test_without_any_model_shift_and_arrow_go_to_changes_of_stage(live: Live, cohort: Cohort) -> None:
    page = live(viewing_of(cohort, models=False))
    go(page, "plain", 0)
    focus(page)
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_selector("[data-clip='2']")
    assert "scored" in page.locator(".said").inner_text()


def test_a_filter_narrows_the_list(live: Live, cohort: Cohort) -> None:
    page = live(viewing_of(cohort))
    focus(page)
    assert page.locator(".filters b").inner_text() == "9"
    page.locator("[data-filter=both_wrong]").click()
    page.wait_for_function("document.querySelector('.filters b').textContent === '2'")
    page.wait_for_selector("[data-recording=filmed][data-clip='1']")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("[data-recording=plain][data-clip='1']")
    # Of a filter with values the key takes one after the other: scored W, then N1.
    page.keyboard.press("Shift+Digit1")
    page.wait_for_function("document.querySelector('[data-filter=stage]').value === 'W'")
    page.keyboard.press("Shift+Digit1")
    page.wait_for_function("document.querySelector('.filters b').textContent === '0'")
    assert page.locator(".banner").inner_text() == "No clip passes these filters."
    page.locator("[data-filter=both_wrong]").click()
    page.locator("[data-filter=stage]").select_option("N2")
    page.wait_for_function("document.querySelector('.filters b').textContent === '3'")


def test_labels_and_notes_are_kept_and_markup_in_them_is_text(live: Live, cohort: Cohort) -> None:
    """Also in the name of a model. `context` sees any script that runs or dialog that opens."""
    said = named_runs(said_of(cohort).replace({"method": {"SACD": MARKUP}}))
    page = live(Viewing(cohort, listed(cohort, None, said), said, Remarks(cohort.path), None, MARKUP))
    focus(page)
    page.keyboard.press("r")
    page.wait_for_function("document.body.innerText.includes('scoring: 0 % of 1 clips')")
    page.locator("input[type=text]").fill(MARKUP)
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelector('.left').innerText.includes({MARKUP!r})")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_selector("[data-clip='1']")
    assert MARKUP in page.locator(".said").inner_text() and page.locator(".sacd-viewer img").count() == 0
    table = Remarks(cohort.path).table()
    kept = table[["clip", "label", "note", "who"]].values.tolist()
    assert kept == [[0, "REM", "", MARKUP], [0, "n/a", MARKUP, MARKUP]]
    assert cohort["filmed"].clips["stage"].iloc[0] == 0
    with page.expect_download() as download:
        page.get_by_text("export EDF+").click()
    assert download.value.suggested_filename == "filmed-remarks.edf"


def test_the_clocks_uncertainty_stands_beside_the_time_and_a_nudge_is_a_proposal(live: Live, cohort: Cohort) -> None:
    page = live(viewing_of(cohort))
    assert "clock" not in page.locator(".time").inner_text() and page.get_by_text("+ 1 picture").is_hidden()
    go(page, "plain", 2)
    assert "clock ± 0.4 s" in page.locator(".time").inner_text()
    page.get_by_text("+ 1 picture").click()
    said = page.get_by_text("clock proposal")
    said.wait_for()
    step = np.median(np.diff(cohort["plain"].frame_times[2]))
    assert said.inner_text() == f"AB: clock proposal: video +1 picture ({step:.3f} s)"
    assert Remarks(cohort.path).table()[["clip", "label"]].values.tolist() == [[2, "n/a"]]


def test_a_missing_video_is_said_where_it_would_be(live: Live, cohort: Cohort) -> None:
    file = cohort["plain"].path / "video.npy"
    aside = file.rename(file.with_suffix(".aside"))
    try:
        page = live(viewing_of(cohort))
        go(page, "plain", 0)
        assert re.search(r"No video: .*video.npy: not found", page.locator(".notice").inner_text())
        assert page.evaluate("document.querySelector('.traces canvas').height") > 200
        focus(page)
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("[data-recording=filmed]")
        assert not page.locator(".notice").is_visible()
    finally:
        aside.rename(file)


def test_the_newest_wish_wins_and_neighbours_are_there_already(live: Live, cohort: Cohort) -> None:
    page = live(viewing_of(cohort))
    page.wait_for_function("window.sent.filter((one) => one.kind === 'clip').length === 2")  # with the neighbour
    page.evaluate(SHOW, ["plain", [0, 1, 2, 3, 4, 5]])
    page.wait_for_selector("[data-recording=plain][data-clip='5']")
    sent = page.evaluate("window.sent.filter((one) => one.kind === 'clip')")
    asked = [one["clip"] for one in sent if one["recording"] == "plain"]
    assert asked[0] == 5 and not {1, 2, 3} & set(asked)
    moved = page.evaluate("window.sent.filter((one) => one.kind === 'moved').map((one) => one.clip)")
    assert moved == [0, 5]


def test_addresses_of_films_are_released(live: Live, cohort: Cohort) -> None:
    page = live(viewing_of(cohort))
    focus(page)
    page.keyboard.press("p")
    for clip in (1, 2, 1, 0):
        page.wait_for_function(IS_FILM)
        go(page, "filmed", clip)
    go(page, "plain", 0)
    # The one that is left is the source of the viewer itself.
    page.wait_for_function("window.made > 3 && window.made - window.revoked === 1")


def test_where_the_student_looked_is_asked_for_once_and_laid_over_the_picture(live: Live, cohort: Cohort) -> None:
    asked = []

    def look(recording: str, clip: int) -> np.ndarray:
        asked.append((recording, clip))
        return np.arange(2 * 4 * 4, dtype=np.float32).reshape(2, 4, 4)

    page = live(viewing_of(cohort, occlusion=look))
    assert asked == []
    focus(page)
    page.keyboard.press("o")
    page.wait_for_selector("canvas.heat:not([hidden])")
    assert page.locator("canvas.heat").evaluate("({ width, height }) => [width, height]") == [4, 4]
    page.keyboard.press("o")
    page.wait_for_selector("canvas.heat", state="hidden")
    page.keyboard.press("o")
    assert asked == [("filmed", 0)]


def test_a_player_in_a_page_works_from_a_file(page: Page, cohort: Cohort, tmp_path: Path) -> None:
    """Two players, one copy of the source; pictures, film and signals from the page alone, without a kernel."""
    clips = [("filmed", 1), ("plain", 3)]
    parts = [player(cohort, clips, said_of(cohort)), player(cohort, [("plain", 0)])]
    assert all(MARK in part for part in parts)
    file = tmp_path / "page.html"
    # As strict as the report's pages are.
    allowed = "default-src 'self' file: data: blob: 'unsafe-inline' 'unsafe-eval'"
    top = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{allowed}">{head()}'
    file.write_text(f"<!doctype html><html><head>{top}</head><body>{''.join(parts)}</body></html>")
    assert file.read_text().count("class View") == 1
    page.goto(file.as_uri())
    page.wait_for_selector(".sacd-viewer[data-recording=filmed][data-state]")
    page.wait_for_selector(".sacd-viewer[data-recording=plain][data-state]")
    look = seek(page, 5.0)
    assert read_back(look["grey"]) == number_of(0, 1, int(look["frame"]))
    first = page.locator(".sacd-viewer").first
    first.focus()
    page.keyboard.press("p")
    page.wait_for_function(IS_FILM)
    page.wait_for_function(SETTLED)
    look = page.evaluate(LOOK)
    assert read_back(look["grey"]) == 300 + round(10 * float(look["time"]))
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.sacd-viewer').dataset.recording === 'plain'")
    grey = page.evaluate(f"({READ})({{ canvas: document.querySelector('canvas.picture'), blocks: 8 }})")
    assert read_back(grey) == number_of(1, 3, 0)
    # What is not in the page is said, and nothing else can be written.
    assert first.get_by_text("your label").is_hidden()
    box = first.locator(".night").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 14, box["y"] + 40)
    first.get_by_text("This page holds a few clips only").wait_for()
    # In a narrow page the traces have its whole width.
    page.set_viewport_size({"width": 700, "height": 900})
    assert first.locator(".traces").bounding_box()["width"] > 600
