"""Reading SDTM: the datasets of a trial as they stand in their files, before anything is made of them.

CSV, SAS transport (XPT, with the extra `trial-ledger[xpt]`) and Dataset-JSON 1.1 give the same rows of text.
"""

from api.sdtm.dataset import Dataset, Row, SdtmError
from api.sdtm.reading import DEFAULT_WANTED, read_dataset, read_folder, unread_files

__all__ = ["DEFAULT_WANTED", "Dataset", "Row", "SdtmError", "read_dataset", "read_folder", "unread_files"]
