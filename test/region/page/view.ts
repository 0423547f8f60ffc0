// Somebody who looks at a page, for tests that render one.

import type { View, Viewer } from '../../../src/region/page/view.ts';
import type { Region } from '../../../src/region/region.ts';

export const VISITOR: Viewer = { kind: 'visitor' };
export const ADMIN: Viewer = { kind: 'person', username: 'admin', email: '', isAdmin: true, csrf: 'csrf-of-admin' };
export const USER: Viewer = { kind: 'person', username: 'alice', email: '', isAdmin: false, csrf: 'csrf-of-alice' };

/** A view of a region; `more` says who looks, at what, with what. */
export function viewOf(region: Region, more: Partial<View> = {}): View {
  return {
    region,
    viewer: VISITOR,
    peer: {
      address: '127.0.0.1',
      share: '127.0.0.1',
      isByRack: false,
      isOperator: false,
      ipv4: undefined,
      isManaged: false,
      isLocal: true,
    },
    nowMs: region.clock.wallTimeMs(),
    path: {},
    query: new Map(),
    told: '',
    given: new Map(),
    ...more,
  };
}
