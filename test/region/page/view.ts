// Viewers and views, for tests that render a page.

import type { View, Viewer } from '../../../src/region/page/frame/view.ts';
import { PAGES } from '../../../src/region/page/routes.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import type { Region } from '../../../src/region/region.ts';

export const ADMIN: Viewer = { username: 'admin', email: '', isAdmin: true, csrf: 'csrf-of-admin' };
export const USER: Viewer = { username: 'alice', email: '', isAdmin: false, csrf: 'csrf-of-alice' };

/** Adds the account of ADMIN, who changes something. */
export async function addViewer(store: RegionStore): Promise<void> {
  await store.accounts.addUser({ username: 'admin', email: '', passwordHash: 'x', isAdmin: true, createdMs: 1 });
}

/** A view of a region by a user; `more` replaces parts of it. */
export function viewOf(region: Region, more: Partial<View> = {}): View {
  return {
    region,
    viewer: USER,
    pages: PAGES,
    peer: {
      address: '127.0.0.1',
      share: '127.0.0.1',
      isByRack: false,
      isOperator: false,
      ipv4: undefined,
      isManaged: false,
    },
    origin: 'http://127.0.0.1:5240',
    nowMs: region.clock.wallTimeMs(),
    path: {},
    query: new Map(),
    notice: '',
    form: new Map(),
    ...more,
  };
}

/** A query or a form with one value for each name. */
export const fieldsOf = (form: Readonly<Record<string, string>>) =>
  new Map(Object.entries(form).map(([name, value]) => [name, [value]] as const));
