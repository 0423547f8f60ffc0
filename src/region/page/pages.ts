// The table of the pages.

import { ACCOUNT_PAGE } from './account-page.ts';
import { ACTION_PAGES } from './action-pages.ts';
import { EDIT_PAGE } from './edit-page.ts';
import { IMAGE_PAGE } from './image-page.ts';
import { IMAGES_PAGE } from './images-page.ts';
import { DEBUG_PAGE } from './logins-part.ts';
import { MACHINE_PAGE } from './machine-page.ts';
import { MACHINES_PAGE } from './machines-page.ts';
import { PEOPLE_PAGE } from './people-page.ts';
import { POWER_PAGES } from './power-pages.ts';
import { SCRIPT_PAGES } from './scripts-page.ts';
import { SETTINGS_PAGE } from './settings-page.ts';
import { SOURCE_PAGES } from './sources-page.ts';
import { TAG_PAGES } from './tags-page.ts';
import type { PageDefinition } from './view.ts';

export const PAGES: readonly PageDefinition[] = [
  MACHINES_PAGE,
  MACHINE_PAGE,
  ...ACTION_PAGES,
  ...POWER_PAGES,
  EDIT_PAGE,
  DEBUG_PAGE,
  IMAGES_PAGE,
  IMAGE_PAGE,
  ...SOURCE_PAGES,
  ...TAG_PAGES,
  ...SCRIPT_PAGES,
  SETTINGS_PAGE,
  ACCOUNT_PAGE,
  PEOPLE_PAGE,
];
