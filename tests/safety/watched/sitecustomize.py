"""Found by each Python that a watched process starts: it is watched as well."""

import watch

watch.watch_decoder()
