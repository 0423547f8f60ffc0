// The pages about the settings.

import type { PageDefinition } from '../frame/view.ts';
import { SETTINGS_PAGE } from './settings-page.ts';

export const SETTINGS: readonly PageDefinition[] = [SETTINGS_PAGE];
