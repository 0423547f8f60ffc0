// English: every sentence of the region's refusals, by code, gathered from the rooms. Another language is another such file.
//
// 1. A writer gets plain values and no others: what it needs is in its parameters.

import { ACCOUNTS } from './en/accounts.ts';
import { API } from './en/api.ts';
import { HTTP } from './en/http.ts';
import { IDENTITY } from './en/identity.ts';
import { LIFE } from './en/life.ts';
import { PAGE } from './en/page.ts';
import { RACKS } from './en/racks.ts';
import { REASONS } from './en/reasons.ts';
import { SCRIPTS } from './en/scripts.ts';
import { pinText, SETTINGS } from './en/settings.ts';

export const EN = {
  /** What each name means, and what to do. */
  reasons: REASONS,
  /** Why something is refused. */
  refusals: { ...SETTINGS, ...LIFE, ...IDENTITY, ...RACKS, ...API, ...HTTP, ...PAGE, ...ACCOUNTS, ...SCRIPTS },
  /** What is shown elsewhere. */
  texts: {
    pinned: pinText,
  },
} as const;
