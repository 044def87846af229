from __future__ import annotations

from pose3d_ros.evaluation.recording.session import health_of


def test_health_is_the_mean_over_the_diagnostics() -> None:
    statuses = [
        {"backend": "onnxruntime (because)", "detect [ms]": "4.0", "pose [ms]": "10.0", "total [ms]": "15"},
        {"backend": "onnxruntime (because)", "detect [ms]": "6.0", "pose [ms]": "14.0"},
        {"backend": "onnxruntime (because)", "smooth [ms]": "1.5", "delay [frames]": "2"},
        {"state": "active"},
    ]
    health = health_of(statuses)
    assert health.backend == "onnxruntime"
    assert health.engine_ms == {"detect": 5.0, "pose": 12.0, "smooth": 1.5}
    assert health.delay_frames == 2
    assert health_of([]).backend == ""


def test_diagnostics_with_words_for_numbers_are_left_out() -> None:
    texts = ("fast", "", "nan", "inf", "1e999", "9" * 5000, "4.0.0")
    statuses = [{"detect [ms]": text, "delay [frames]": text} for text in texts]
    health = health_of([*statuses, {"detect [ms]": "4.0", "delay [frames]": "2"}])
    assert health.engine_ms == {"detect": 4.0}
    assert health.delay_frames == 2
