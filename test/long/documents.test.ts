// The commands of all pages but the first ones print the shown output.
// @host alone

import { FIRST_PAGES, shownPages } from '../documents/shown.ts';
import { testShownPages } from '../support/shown-pages.ts';

testShownPages(shownPages().filter((path) => !FIRST_PAGES.includes(path)));
