// The pages about racks, health and events.

import type { PageDefinition } from '../frame/view.ts';
import { EVENTS_PAGE } from './events-page.ts';
import { HEALTH_PAGE } from './health-page.ts';
import { RACK_PAGES } from './rack-page.ts';
import { RACKS_PAGE } from './racks-page.ts';

export const RACKS: readonly PageDefinition[] = [RACKS_PAGE, EVENTS_PAGE, HEALTH_PAGE, ...RACK_PAGES];
