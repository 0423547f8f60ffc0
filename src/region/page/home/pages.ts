// The pages about the overview and the first run.

import type { PageDefinition } from '../frame/view.ts';
import { FIRST_RUN_PAGES } from './first-run.ts';
import { OVERVIEW_PAGE } from './overview.ts';

export const HOME: readonly PageDefinition[] = [OVERVIEW_PAGE, ...FIRST_RUN_PAGES];
