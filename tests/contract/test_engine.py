"""
What every `FaceEngine` keeps: one suite for the built-in models and for insightface packs.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from threading import Barrier

import cv2
import numpy as np
import pytest

from facewatchd.domain import Box, Detection, Embeddings, FaceEngine, Image
from facewatchd.faces.builtin import BuiltinEngine
from facewatchd.faces.insight import Identity, InsightEngine
from facewatchd.faces.packs import find_files, open_engine
from facewatchd.faces.sessions import CPU, Provider

GROUP_CENTRES = [(114, 330), (322, 207), (519, 340), (796, 412), (957, 132), (1178, 334)]
"""Where the six faces of insightface's t1.jpg are, from left to right, pixels: measured by eye."""

ASTRONAUT_CENTRE = (224, 118)


@pytest.fixture(scope="module", params=["builtin", "insightface"])
def engine(request: pytest.FixtureRequest, model_cache: Path) -> FaceEngine:
    pack = "builtin" if request.param == "builtin" else str(request.getfixturevalue("testpack"))
    return open_engine(pack, Path("/nonexistent"), model_cache, "cpu")


@pytest.fixture(scope="module")
def group() -> Image:
    return packaged_image("insightface", "data/images/t1.jpg")


@pytest.fixture(scope="module")
def astronaut() -> Image:
    return packaged_image("skimage", "data/astronaut.png")


def packaged_image(package: str, file: str) -> Image:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    image = cv2.imread(str(Path(spec.submodule_search_locations[0]) / file))
    assert image is not None
    return np.asarray(image, np.uint8)


def left_to_right(engine: FaceEngine, image: Image) -> list[Detection]:
    return sorted(engine.detect(image), key=lambda face: face.box.x)


def embeddings(engine: FaceEngine, image: Image, faces: list[Detection]) -> Embeddings:
    return engine.embed([engine.align(image, face.landmarks) for face in faces])


def test_finds_the_faces_where_they_are(engine: FaceEngine, group: Image, astronaut: Image) -> None:
    faces = left_to_right(engine, group)
    assert len(faces) == 6
    for face, (x, y) in zip(faces, GROUP_CENTRES, strict=True):
        assert np.hypot(face.box.x + face.box.w / 2 - x, face.box.y + face.box.h / 2 - y) < 20
        assert 80 < face.box.w < 130
        assert 100 < face.box.h < 170
    (alone,) = engine.detect(astronaut)
    assert np.hypot(alone.box.x + alone.box.w / 2 - ASTRONAUT_CENTRE[0], alone.box.y + alone.box.h / 2 - 118) < 15


def test_detections_come_best_first_with_scores_that_are_likelihoods(engine: FaceEngine, group: Image) -> None:
    scores = [face.score for face in engine.detect(group)]
    assert scores == sorted(scores, reverse=True)
    assert 0.5 < scores[-1] <= scores[0] <= 1


def test_landmarks_are_eyes_nose_and_mouth_corners_in_that_order(
    engine: FaceEngine, group: Image, astronaut: Image
) -> None:
    for image in (group, astronaut):
        for face in engine.detect(image):
            assert face.landmarks.dtype == np.float32
            assert face.landmarks.shape == (5, 2)
            left_eye, right_eye, nose, left_corner, right_corner = face.landmarks
            assert left_eye[0] < right_eye[0]
            assert left_corner[0] < right_corner[0]
            assert max(left_eye[1], right_eye[1]) < nose[1] + 5 < max(left_corner[1], right_corner[1]) + 5
            corner, size = np.array([face.box.x, face.box.y]), np.array([face.box.w, face.box.h])
            assert (face.landmarks > corner).all()
            assert (face.landmarks < corner + size).all()


def test_a_face_is_magnified_as_much_as_its_chip_is_larger(engine: FaceEngine, astronaut: Image) -> None:
    """Twice the photo, half the magnification; the face of 90 pixels has fewer than the recogniser takes."""
    large = np.asarray(cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    (face,), (twice,) = engine.detect(astronaut), engine.detect(large)
    assert engine.magnification(face.landmarks) == pytest.approx(2 * engine.magnification(twice.landmarks), rel=0.1)
    assert 0.8 < engine.magnification(face.landmarks) < 2


def test_embeddings_are_unit_rows_of_float32(engine: FaceEngine, group: Image) -> None:
    found = embeddings(engine, group, engine.detect(group))
    assert found.dtype == np.float32
    assert found.shape == (6, engine.info.dim)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_no_chips_give_no_embeddings(engine: FaceEngine) -> None:
    nothing = engine.embed([])
    assert nothing.shape == (0, engine.info.dim)
    assert nothing.dtype == np.float32


def test_an_embedding_does_not_depend_on_the_faces_beside_it(engine: FaceEngine, group: Image) -> None:
    chips = [engine.align(group, face.landmarks) for face in engine.detect(group)]
    alone = np.concatenate([engine.embed([chip]) for chip in chips])
    np.testing.assert_allclose(engine.embed(chips), alone, atol=1e-5)


def test_chips_are_square_and_upright_however_the_photo_is_turned(engine: FaceEngine, astronaut: Image) -> None:
    """A tilt of 25 degrees is taken out by the alignment: eyes level, eyes above mouth, same face."""
    tilt = cv2.getRotationMatrix2D(ASTRONAUT_CENTRE, 25, 1)
    tilted = np.asarray(cv2.warpAffine(astronaut, tilt, (512, 512)), np.uint8)
    (face,), (turned,) = engine.detect(astronaut), engine.detect(tilted)
    chip, other = engine.align(astronaut, face.landmarks), engine.align(tilted, turned.landmarks)
    assert chip.shape == other.shape == (chip.shape[0], chip.shape[0], 3)
    assert chip.dtype == np.uint8
    smooth = [cv2.GaussianBlur(each, (0, 0), 3).astype(float).ravel() for each in (chip, other)]
    assert np.corrcoef(*smooth)[0, 1] > 0.9
    assert float((engine.embed([chip]) @ engine.embed([other]).T)[0, 0]) > 0.5


def test_the_same_face_smaller_and_darker_is_nearer_than_any_other(engine: FaceEngine, group: Image) -> None:
    small = np.asarray(cv2.resize(group, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA), np.uint8)
    dark = np.asarray(cv2.convertScaleAbs(small, alpha=0.7, beta=20), np.uint8)
    bright_faces, dark_faces = left_to_right(engine, group), left_to_right(engine, dark)
    assert len(dark_faces) == 6
    first, second = embeddings(engine, group, bright_faces), embeddings(engine, dark, dark_faces)
    others = ~np.eye(6, dtype=bool)
    same = np.diag(first @ second.T)
    assert same.min() > max((first @ second.T)[others].max(), (first @ first.T)[others].max())


@pytest.mark.parametrize("kind", ["black", "grey", "noise", "gradient"])
def test_finds_no_face_where_there_is_none(engine: FaceEngine, kind: str) -> None:
    images = {
        "black": np.zeros((480, 640, 3)),
        "grey": np.full((480, 640, 3), 127),
        "noise": np.random.default_rng(0).integers(0, 256, (480, 640, 3)),
        "gradient": np.broadcast_to(np.linspace(0, 255, 640)[None, :, None], (480, 640, 3)),
    }
    assert engine.detect(np.ascontiguousarray(images[kind], np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (5000, 40), (40, 5000), (33, 31), (641, 639)])
def test_no_shape_of_photo_makes_it_fail(engine: FaceEngine, shape: tuple[int, int]) -> None:
    assert engine.detect(np.full((*shape, 3), 90, np.uint8)) == []


@pytest.mark.parametrize("side", [64, 100, 250, 2000])
def test_finds_a_portrait_of_any_size(engine: FaceEngine, astronaut: Image, side: int) -> None:
    portrait = np.asarray(cv2.resize(astronaut[20:270, 100:350], (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    (face,) = engine.detect(portrait)
    ratio = side / 250
    assert abs(face.box.x + face.box.w / 2 - (ASTRONAUT_CENTRE[0] - 100) * ratio) < 15 * ratio
    assert abs(face.box.y + face.box.h / 2 - (ASTRONAUT_CENTRE[1] - 20) * ratio) < 15 * ratio


@pytest.mark.parametrize("side", [120, 900])
@pytest.mark.parametrize("times", [0.9, 1.0, 1.15, 1.3, 1.5, 1.75, 2])
def test_finds_a_face_that_fills_the_picture(engine: FaceEngine, group: Image, times: float, side: int) -> None:
    """Cut to so many times the face, enlarged or reduced: found where it is, and told as the one it is."""
    whole = left_to_right(engine, group)
    expected = embeddings(engine, group, whole)
    for number, face in enumerate(whole):
        box = face.box
        starts = (start - length * (times - 1) / 2 for start, length in ((box.x, box.w), (box.y, box.h)))
        left, top = (max(0, round(start)) for start in starts)
        cut = group[top : round(top + times * box.h), left : round(left + times * box.w)]
        scale = side / max(cut.shape)
        picture = np.asarray(cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
        shown = Box((box.x - left) * scale, (box.y - top) * scale, box.w * scale, box.h * scale)
        found = max(engine.detect(picture), key=lambda each: each.box.overlap(shown))
        assert found.box.overlap(shown) > 0.5
        assert found.score > 0.5
        similar = expected @ embeddings(engine, picture, [found])[0]
        assert similar.argmax() == number
        assert similar.max() > 0.6


def test_a_detector_of_one_size_finds_close_ups_too(
    testpack: Path, tmp_path: Path, model_cache: Path, astronaut: Image
) -> None:
    import onnx  # noqa: PLC0415 - slow

    for path in testpack.glob("*.onnx"):
        model = onnx.load_model(str(path))
        if path.name.startswith("scrfd"):
            for at in (2, 3):
                model.graph.input[0].type.tensor_type.shape.dim[at].dim_value = 640
        onnx.save_model(model, str(tmp_path / path.name))
    engine = open_engine(str(tmp_path), Path("/nonexistent"), model_cache, "cpu")
    (face,) = engine.detect(np.ascontiguousarray(astronaut[58:178, 181:270]))
    assert face.box.overlap(Box(0, 0, 89, 120)) > 0.5


def test_a_face_at_the_side_of_a_close_up_is_found_once(engine: FaceEngine, group: Image) -> None:
    """As high as the picture, beside a wall."""
    face = left_to_right(engine, group)[3].box
    top, left = round(face.y), round(face.x - 0.1 * face.w)
    cut = group[top : round(top + face.h), left : round(left + 1.2 * face.w)]
    wall = np.full((cut.shape[0], 2 * cut.shape[1], 3), 150, np.uint8)
    (found,) = [each for each in engine.detect(np.hstack([cut, wall])) if each.score > 0.5]
    assert found.box.overlap(Box(face.x - left, face.y - top, face.w, face.h)) > 0.5


def test_the_photo_is_left_as_it_was(engine: FaceEngine, group: Image) -> None:
    before = group.copy()
    embeddings(engine, group, engine.detect(group))
    np.testing.assert_array_equal(group, before)


def test_landmarks_on_one_spot_do_not_make_it_fail(engine: FaceEngine, group: Image) -> None:
    chip = engine.align(group, np.full((5, 2), 100, np.float32))
    assert engine.embed([chip]).shape == (1, engine.info.dim)


def test_four_threads_at_once_get_what_one_gets(engine: FaceEngine, group: Image, astronaut: Image) -> None:
    together = Barrier(4)

    def everything(image: Image) -> tuple[list[Detection], Embeddings]:
        faces = engine.detect(image)
        return faces, embeddings(engine, image, faces)

    def in_turn(image: Image) -> tuple[list[Detection], Embeddings]:
        together.wait()
        return everything(image)

    images = [group, astronaut, group, astronaut]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(in_turn, images))
    for image, (faces, vectors) in zip(images, found, strict=True):
        wanted_faces, wanted_vectors = everything(image)
        assert [(face.box, face.score) for face in faces] == [(face.box, face.score) for face in wanted_faces]
        np.testing.assert_array_equal(vectors, wanted_vectors)


def test_info_says_which_models_these_are(engine: FaceEngine) -> None:
    info = engine.info
    assert len(bytes.fromhex(info.id)) == len(bytes.fromhex(info.recognition)) == 32
    assert info.dim == 128
    assert info.provider == "CPUExecutionProvider"
    assert info.licence


def test_the_builtin_models_give_the_reference_numbers(model_cache: Path, astronaut: Image) -> None:
    """Computed with the reference converters' models: a change here is a change of `_USAGE`, too."""
    engine = open_engine("builtin", Path("/nonexistent"), model_cache, "cpu")
    (face,) = engine.detect(astronaut)
    assert face.score == pytest.approx(0.9291, abs=2e-3)
    found = [face.box.x, face.box.y, face.box.w, face.box.h]
    np.testing.assert_allclose(found, [181.53, 58.20, 88.35, 119.61], atol=0.1)
    wanted = [[203.2, 101.7], [247.0, 104.5], [223.3, 125.1], [203.4, 142.3], [241.3, 144.4]]
    np.testing.assert_allclose(face.landmarks, wanted, atol=0.15)
    vector = embeddings(engine, astronaut, [face])[0]
    np.testing.assert_allclose(vector[:4], [-0.0504, 0.0159, 0.0268, -0.0444], atol=2e-3)
    assert engine.info.id == "9b8320990ee971f733e08df89cc4c3e19f3bcc10f8a6c1adbd3e5d8846af2d9e"


def test_the_builtin_models_take_faces_in_batches_where_that_pays(model_cache: Path, group: Image) -> None:
    """As on a GPU: seven chips, four at a time."""
    single = BuiltinEngine(model_cache, Provider(CPU, "test"))
    batched = BuiltinEngine(model_cache, Provider(CPU, "test", batch=4))
    faces = left_to_right(single, group)
    chips = [single.align(group, face.landmarks) for face in (*faces, faces[0])]
    np.testing.assert_allclose(batched.embed(chips), single.embed(chips), atol=1e-5)


def test_photos_of_several_threads_go_through_the_models_together(testpack: Path, model_cache: Path) -> None:
    """As on a GPU, eight at a time: the results are those of one at a time."""
    photos = [packaged_image("insightface", "data/images/t1.jpg"), packaged_image("skimage", "data/astronaut.png")]
    photos += [np.ascontiguousarray(np.asarray(photo)[:, ::-1]) for photo in photos]
    for pack in ("builtin", str(testpack)):
        single = open_engine(pack, Path("/nonexistent"), model_cache, "cpu")
        engine = engine_with_batches(pack, model_cache)
        together = Barrier(8)

        def everything(image: Image, engine: FaceEngine = engine, together: Barrier = together) -> Embeddings:
            together.wait()
            return embeddings(engine, image, left_to_right(engine, image))

        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(everything, photos + photos))
        for image, vectors in zip(photos + photos, found, strict=True):
            wanted = embeddings(single, image, left_to_right(single, image))
            assert vectors.shape == wanted.shape
            assert (vectors * wanted).sum(axis=1).min() > 0.999


def engine_with_batches(pack: str, cache: Path) -> FaceEngine:
    provider = Provider(CPU, "test", batch=8)
    if pack == "builtin":
        return BuiltinEngine(cache, provider)
    files = find_files(Path(pack))
    return InsightEngine(files, Identity(pack, "id", "recognition", "licence"), provider)
