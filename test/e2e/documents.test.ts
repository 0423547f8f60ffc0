// The commands of the pages that a newcomer types print the shown output. The long suite runs the other pages.
// @host waits, 60 s

import { FIRST_PAGES } from '../documents/shown.ts';
import { testShownPages } from '../support/shown-pages.ts';

testShownPages(FIRST_PAGES);
