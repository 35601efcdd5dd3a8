"""Files in stores, by URL. What goes wrong is an `OSError` whose `strerror` says why, as it is with local files."""

from bgremove.storage.base import Entry as Entry
from bgremove.storage.base import Store as Store
from bgremove.storage.base import packed as packed
from bgremove.storage.create import load_store as load_store
from bgremove.storage.create import store_of as store_of
from bgremove.storage.find import find as find
from bgremove.storage.parallel import in_parallel as in_parallel
