// The commands of the pages that a newcomer types print the shown output. The long suite runs the other pages.
// @host waits, 60 s

import { testShownPages } from '../cases/shown-pages.ts';
import { FIRST_PAGES } from '../documents/shown.ts';

testShownPages(FIRST_PAGES);
