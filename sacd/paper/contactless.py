"""What contactless sleep staging in four classes has reached elsewhere, to stand beside our nights.

Classes are W, N1 + N2, N3, REM. Every row is another dataset, of other people, scored by others.
"""

import pandas as pd

PUBLISHED: tuple[dict[str, str | float], ...] = (
    {
        "sensor": "camera, heart rate", "accuracy": 0.68, "kappa": 0.49, "people": "healthy adults",
        "differs": "heart rate from reflected light, night context by an LSTM trained on contact sensors",
        "source": "van Meulen et al. 2023, doi:10.3390/bioengineering10010109",
    },
    {
        "sensor": "near-infrared video, vital signs and activity", "accuracy": 0.734, "kappa": 0.61,
        "people": "50 healthy volunteers", "differs": "heart and breathing rate, pretrained on contact sensors",
        "source": "Carter et al. 2023, arXiv:2306.03711",
    },
    {
        "sensor": "near-infrared video, SleepVST", "accuracy": 0.788, "kappa": 0.71,
        "people": "50 nights, the same data",
        "differs": "cardiorespiratory waveforms, a transformer pretrained on thousands of contact-sensor nights",
        "source": "Carter et al. 2024, doi:10.1109/CVPR52733.2024.01186",
    },
    {
        "sensor": "radar, telephone beside the bed", "accuracy": 0.76, "kappa": 0.64,
        "people": "509 nights, with apnoea",
        "differs": "pretrained on breathing of public polysomnographies",
        "source": "Park et al. 2024, UWB radar sleep staging in a smartphone",
    },
    {
        "sensor": "radar, older people", "accuracy": 0.795, "kappa": 0.65, "people": "47, some with dementia",
        "differs": "adapted from polysomnographies", "source": "arXiv:2601.04057",
    },
    {
        "sensor": "radar, lamp", "accuracy": 0.785, "kappa": 0.695, "people": "1,022 nights, healthy",
        "differs": "a large set of one device's own nights", "source": "arXiv:2604.16442",
    },
)


def contactless() -> pd.DataFrame:
    """Columns sensor, accuracy, kappa (four classes), people, differs (from an infrared clip of 30 s), source."""
    return pd.DataFrame(PUBLISHED)
