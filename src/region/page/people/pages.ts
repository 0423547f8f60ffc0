// The pages about people.

import type { PageDefinition } from '../frame/view.ts';
import { ACCOUNT_PAGE } from './account-page.ts';
import { PEOPLE_PAGE } from './people-page.ts';

export const PEOPLE: readonly PageDefinition[] = [ACCOUNT_PAGE, PEOPLE_PAGE];
