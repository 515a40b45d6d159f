"""The cohort on disk: recordings that belong together.

`check` validates a cohort, `writer` makes one or lets it grow, `splits` gives its participants their roles.
"""

from sacd.cohort.cohort import Cohort, Recording
from sacd.cohort.format import CohortInfo, Modality, Sampling, check_id, hash_file, read_info

__all__ = ["Cohort", "CohortInfo", "Modality", "Recording", "Sampling", "check_id", "hash_file", "read_info"]
