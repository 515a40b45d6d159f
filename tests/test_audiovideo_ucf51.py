"""UCF51: the archive is read safely, videos are found and decoded, split 1 holds, the real audio classifier learns."""

import io
import tarfile
from pathlib import Path
from threading import Thread

import av
import numpy as np
import pytest

from sacd.audiovideo import find, ucf51
from sacd.audiovideo.benchmark import TEST, TRAIN, VALIDATION, Audio
from sacd.exceptions import NotApplicable, SacdError
from sacd.experiments.audio_video import audio_teachers, table_three, training, ucf51_student
from sacd.locks import alone
from sacd.runs.execute import execute
from sacd.runs.pool import closure
from sacd.runs.store import Run, RunStore
from sacd.training.config import ModelConfig, Recipe

CLASSES = ("Archery", "HandstandPushups", "Typing")
FILES = {"HandstandPushups": "HandStandPushups"}
GROUPS = (1, 2, 7, 8, 9, 10, 23)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def pack(file: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


def clip_names() -> dict[str, str]:
    """Clip → its class, in two clips a group."""
    return {
        f"v_{FILES.get(name, name)}_g{group:02d}_c{clip:02d}": name
        for name in CLASSES for group in GROUPS for clip in (1, 2)
    }


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    vectors = {}
    for clip, name in clip_names().items():
        centre = 2 * (np.arange(512) % len(CLASSES) == CLASSES.index(name))
        vectors[f"features/{name}/{clip}.npy"] = npy((rng.normal(size=512) + centre).astype(np.float32))
    return pack(tmp_path / ucf51.ARCHIVE, {"._features": b"mac", "features/Typing/._x.npy": b"mac"} | vectors)


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A UCF-101 folder whose clips are as bright as their class."""
    folder = tmp_path / "UCF-101"
    for clip, name in clip_names().items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        with av.open(folder / name / f"{clip}.avi", "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
            for step in range(10):
                level = 40 + 80 * CLASSES.index(name) + step
                picture = av.VideoFrame.from_ndarray(np.full((24, 32), level, dtype=np.uint8), format="gray")
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
    return folder


def test_archive_is_read_with_split_1(archive: Path) -> None:
    found = ucf51.read_embeddings(archive.parent)
    assert found.classes == CLASSES and found.x.shape == (42, 512) and found.x.dtype == np.float32
    assert set(found.group[found.part == TEST]) == {1, 2, 7}
    assert set(found.group[found.part == VALIDATION]) == {23}
    assert set(found.group[found.part == TRAIN]) == {8, 9, 10}
    assert found.unit[0] == "Archery g01" and len(set(found.unit)) == 21


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("Typing/v_Typing_g01_c01.npy", npy(np.zeros(3, dtype=np.float32)), "is not 512 finite numbers"),
        ("Typing/v_Typing_g01_c01.npy", npy(np.full(512, np.nan)), "is not 512 finite numbers"),
        ("Typing/v_Typing_g01_c01.npy", b"no array", "is not 512 finite numbers"),
        ("Typing/v_Typing_g01_c01.npy", b"0" * (ucf51.LARGEST_MEMBER + 1), "is not 512 finite numbers"),
        ("Typing/v_Archery_g01_c01.npy", npy(np.zeros(512)), "is not CLASS/v_CLASS_gGG_cCC"),
        ("../../evil.npy", npy(np.zeros(512)), "is not CLASS/v_CLASS_gGG_cCC"),
        ("readme.txt", b"", "holds no CLASS"),
    ],
)
def test_bad_members_are_told_in_one_line(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    file = pack(tmp_path / "inner.tar.gz", {name: content})
    with pytest.raises(SacdError, match=words) as told:
        ucf51.read_embeddings(file)
    assert "\n" not in str(told.value) and str(told.value).startswith(str(file))


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"run": "me"}], dtype=object), allow_pickle=True)
    with pytest.raises(SacdError, match="is not 512 finite numbers"):
        ucf51.read_embeddings(pack(tmp_path / "a.tar.gz", {"Typing/v_Typing_g01_c01.npy": buffer.getvalue()}))


def test_reading_unpacks_nothing_and_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    file = tmp_path / "x.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        link = tarfile.TarInfo("Typing/v_Typing_g02_c01.npy")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
        # The last two parts are as they should be; where the path leads does not matter, for nothing is written.
        content = npy(np.ones(512, dtype=np.float32))
        info = tarfile.TarInfo("../../Typing/v_Typing_g01_c01.npy")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    before = sorted(tmp_path.rglob("*"))
    assert ucf51.read_embeddings(file).clip.tolist() == ["v_Typing_g01_c01"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_or_broken_archive(tmp_path: Path, archive: Path) -> None:
    with pytest.raises(SacdError, match="No such file"):
        ucf51.read_embeddings(tmp_path / "none.tar.gz")
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SacdError, match="not a whole tar.gz"):
        ucf51.read_embeddings(archive)
    archive.write_bytes(b"hello")
    with pytest.raises(SacdError, match="not a whole tar.gz|cannot be read"):
        ucf51.read_embeddings(archive)


def test_missing_videos_are_counted_in_one_line(archive: Path, videos: Path) -> None:
    found = ucf51.read_embeddings(archive)
    # The folder's own spelling of a class does not matter.
    folders = [path.parent.name for path in ucf51.find_videos(videos, found.clip)]
    assert folders == [CLASSES[label] for label in found.label]
    (videos / "Typing" / "v_Typing_g02_c01.avi").unlink()
    with pytest.raises(SacdError, match=r"1 of 42 videos are missing, the first is v_Typing_g02_c01\.avi; unpack"):
        ucf51.find_videos(videos, found.clip)


def test_a_video_that_does_not_decode_leaves_no_clips(tmp_path: Path, archive: Path, videos: Path) -> None:
    (videos / "Typing" / "v_Typing_g02_c01.avi").write_bytes(b"no video")
    with pytest.raises(SacdError, match="v_Typing_g02_c01.avi: the video does not decode"):
        ucf51.decode_videos(archive, videos, tmp_path / "kept", 4, 8)
    assert not list((tmp_path / "kept").glob("*.npy"))


def test_decoding_at_once_waits_and_decodes_once(
    tmp_path: Path, archive: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, decoded = tmp_path / "kept", []
    kept.mkdir()
    (kept / "clips-4x8x8-of-another-folder.npy").touch()
    decode = ucf51._decode
    monkeypatch.setattr(ucf51, "_decode", lambda *given: (decoded.append(given), decode(*given)))
    with alone(kept, "decodes"):
        second = Thread(target=ucf51.decode_videos, args=(archive, videos, kept, 4, 8))
        second.start()
        second.join(0.5)
        assert second.is_alive() and not decoded
    second.join()
    ucf51.decode_videos(archive, videos, kept, 4, 8)
    assert len(decoded) == 1 and len(list(kept.glob("*.npy"))) == 1


def test_table_iii_from_a_users_folder(tmp_path: Path, archive: Path, videos: Path) -> None:
    bench = ucf51.UCF51.open(ucf51.decode_videos(archive, videos, tmp_path / "kept", frames=4, size=16))
    student = Recipe(model=ModelConfig(name="r2plus1d_10", options={"width": 4}), training=training(9, batch=9))
    student = ucf51_student(student, 15, bench)
    assert student.training.steps == 30  # 15 passes over 18 training clips
    pairs = bench.pairs(0)
    assert pairs.video.shape == (42, 4, 16, 16) and bench.info.sampling.height == 16
    brightness = pairs.video.astype(float).mean(axis=(2, 3))
    np.testing.assert_allclose(brightness[:, 0], 40 + 80 * pairs.label, atol=8)
    assert (np.diff(brightness, axis=1) > 0).all()  # frames are in order, spread over the clip
    assert (brightness[:, -1] - brightness[:, 0] > 5).all()
    store = RunStore(tmp_path / "runs")
    for config in closure(table_three(bench, student, 1, methods=["ce", "sacd"])):
        told = Run(execute(config, bench, store)).predictions
        test = told[told.split == TEST]
        assert len(test) == 18 and test.predicted.between(0, 2).all()
        assert config.kind != "audio-teacher" or (test.label == test.predicted).mean() > 0.9
    assert len(store.done()) == 3


def test_without_videos_there_is_audio_alone(archive: Path) -> None:
    bench = ucf51.UCF51.open(archive.parent)
    assert bench.audio.x.shape == (42, 512)
    with pytest.raises(NotApplicable, match="holds no clips; name the folder of UCF-101's videos"):
        bench.pairs(0)


def test_the_real_audio_classifier_on_split_1(real_data: Path, tmp_path: Path) -> None:
    bench = ucf51.UCF51.open(find("ucf51-audio-features", real_data / "ucf51-audio-features"))
    audio = bench.audio
    assert len(bench.info.classes) == 51 and len(audio.name) == 6837
    assert [len(audio.rows(part)) for part in (TRAIN, VALIDATION, TEST)] == [4080, 813, 1944]
    assert not set(audio.unit[audio.part == TEST]) & set(audio.unit[audio.part != TEST])
    config = audio_teachers(bench, 1)[0]
    right = Run(execute(config, bench, RunStore(tmp_path))).metrics["test_accuracy"]
    # Fifty-one classes, films never heard: far above the largest class's share, and far from a leak's.
    assert 0.35 < right < 0.6
    bench.audio = with_mixed_labels(audio)
    few = config.model_copy(update={"training": config.training.model_copy(update={"steps": 50})})
    assert Run(execute(few, bench, RunStore(tmp_path))).metrics["test_accuracy"] < 0.1


def with_mixed_labels(audio: Audio) -> Audio:
    label, learned = audio.label.copy(), audio.rows(TRAIN, VALIDATION)
    label[learned] = np.random.default_rng(0).permutation(label[learned])
    return Audio(label, audio.part, audio.unit, audio.name, audio.x)
