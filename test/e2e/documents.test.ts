// The commands that a newcomer types first print the shown output. The long suite runs the other pages.
// @host waits, 30 s

import { testShownPages } from '../cases/shown-pages.ts';
import { FIRST_PAGES } from '../documents/shown.ts';

testShownPages(FIRST_PAGES);
