// The pages about machines and devices.

import type { PageDefinition } from '../frame/view.ts';
import { ACTION_PAGES } from './action-pages.ts';
import { ADDING_PAGES } from './adding-pages.ts';
import { AREA_PAGES } from './area-pages.ts';
import { BOOT_PAGE } from './boot-page.ts';
import { DEVICE_PAGE } from './device-page.ts';
import { DRIVER_PAGE } from './driver-page.ts';
import { EDIT_PAGE } from './edit-page.ts';
import { IDENTITY_PAGE } from './identity-page.ts';
import { LAYOUT_PAGE } from './layout-forms.ts';
import { LAYOUT_SECTIONS } from './layout-sections.ts';
import { DEBUG_PAGE } from './logins-part.ts';
import { MACHINE_EVENTS_PAGE } from './machine-events.ts';
import { MACHINE_PAGE } from './machine-page.ts';
import { SHOWING_SECTIONS } from './machine-sections.ts';
import { MACHINES_PAGE } from './machines-page.ts';
import { MANY_PAGES } from './many-pages.ts';
import { PRESEED_PAGE } from './preseed-page.ts';
import { PROFILE_PAGES } from './profile-pages.ts';
import { SCRIPT_PAGES } from './scripts-page.ts';
import { TAG_PAGES } from './tags-page.ts';

export const MACHINES: readonly PageDefinition[] = [
  MACHINES_PAGE,
  ...MANY_PAGES,
  ...ADDING_PAGES,
  DEVICE_PAGE,
  MACHINE_PAGE,
  IDENTITY_PAGE,
  BOOT_PAGE,
  ...SHOWING_SECTIONS,
  ...LAYOUT_SECTIONS,
  LAYOUT_PAGE,
  PRESEED_PAGE,
  MACHINE_EVENTS_PAGE,
  ...ACTION_PAGES,
  DRIVER_PAGE,
  EDIT_PAGE,
  DEBUG_PAGE,
  ...TAG_PAGES,
  ...PROFILE_PAGES,
  ...SCRIPT_PAGES,
  ...AREA_PAGES,
];
