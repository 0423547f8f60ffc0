// The commands of all pages but the first one print the shown output.
// @host alone

import { testShownPages } from '../cases/shown-pages.ts';
import { FIRST_PAGES, shownPages } from '../documents/shown.ts';

testShownPages(shownPages().filter((path) => !FIRST_PAGES.includes(path)));
