"""The cohort on disk: recordings that belong together.

`format` says what lies on disk and `extras` what else may, with `motion` measured from pictures; `check` validates a
cohort, `writer` makes one or lets it grow, `splits` gives its participants their roles.
"""

from sacd.cohort.cohort import Cohort, Recording
from sacd.cohort.format import CohortInfo, Modality, Sampling, check_id, hash_file, read_info

__all__ = ["Cohort", "CohortInfo", "Modality", "Recording", "Sampling", "check_id", "hash_file", "read_info"]
